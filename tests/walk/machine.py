"""A copy of the machine on which root's commands can be run without changing anything: an overlay on /, in namespaces
of its own, with no network but itself. What is started there ends with it.

Needs root and the right to mount (a container may not have it). No systemd runs in it; tests/walk/systemctl stands in.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

_ENTER = r"""
set -eu
machine=$1 project=$2 work=$3 python=$4
mount -t tmpfs -o size=30g,mode=0755 hutong-walk "$machine"
mkdir "$machine/upper" "$machine/work" "$machine/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$machine/upper,workdir=$machine/work" "$machine/root"
cd "$machine/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 walk-tmp tmp
mount -t tmpfs -o mode=0755 walk-run run
mount -t tmpfs -o mode=0711 walk-home root
# An interpreter that lies in root's home, which is empty here, is lent to the service's user, too.
case "$python" in
  /root/*) mkdir -p "./$python"; mount --bind "$python" "./$python" ;;
esac
mkdir -p run/postgresql run/lock srv/hutong run/walk
chown postgres:postgres run/postgresql
mount --bind "$work" run/walk
# Where the project stands on another file system, the overlay does not have it.
[ -e "./$project/pyproject.toml" ] || { mkdir -p "./$project"; mount --bind "$project" "./$project"; }
# Nothing but the system's packages.
mount -t tmpfs -o mode=0755 walk-local usr/local/bin
mount -t tmpfs -o mode=0755 walk-local usr/local/sbin
cp run/walk/systemctl usr/local/bin/systemctl
chmod 0755 usr/local/bin/systemctl
rm -f usr/sbin/policy-rc.d
tar -x -C srv/hutong -f run/walk/project.tar
echo "127.0.0.1 localhost registry.example" > etc/hosts
programs=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot . /usr/bin/env -i PATH="$programs" HOME=/root LANG=C.UTF-8 \
  sh -c 'cd /srv/hutong && exec bash /run/walk/walk'
"""


def why_not() -> str:
    """Why no such copy can be made here; "" when it can."""
    if os.geteuid() != 0:
        return "only root can make a copy of the machine to install on"
    if sys.platform != "linux" or not shutil.which("unshare"):
        return "no namespaces here"
    tried = subprocess.run(
        ["unshare", "-mpfn", "sh", "-c", _TRY], capture_output=True, text=True, timeout=30, check=False
    )
    return "" if tried.returncode == 0 else "this machine allows no overlay in a namespace"


_TRY = """
set -e
machine=$(mktemp -d)
mount -t tmpfs try "$machine"
mkdir "$machine/u" "$machine/w" "$machine/r"
mount -t overlay overlay -o "lowerdir=/,upperdir=$machine/u,workdir=$machine/w" "$machine/r"
umount "$machine/r" "$machine"
rmdir "$machine"
"""


def packed(to: Path) -> None:
    """The project as git would have it with what is not committed yet, as a tar file."""
    if (ROOT / ".git").exists():
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
        there = [os.fsdecode(each) for each in names if each and (ROOT / os.fsdecode(each)).exists()]
    else:
        there = [each.name for each in ROOT.iterdir() if each.name not in (".venv", "build", "var", "dist")]
    subprocess.run(["tar", "-c", "--null", "-T", "-", "-f", to], cwd=ROOT, input="\0".join(there).encode(), check=True)


def walk(script: str, work: Path, *, network: bool = False, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Runs a bash script as root in the project's directory of a copy of this machine. `work` is /run/walk there."""
    machine = work / "machine"
    machine.mkdir(parents=True)
    (work / "walk").write_text(script)
    shutil.copy(HERE / "systemctl", work)
    packed(work / "project.tar")
    flags = "-mpf" if network else "-mpfn"
    places = [str(machine), str(ROOT), str(work), sys.base_prefix]
    up = "" if network else "ip link set lo up 2>/dev/null || ifconfig lo up\n"
    return subprocess.run(
        ["unshare", flags, "--kill-child", "--propagation=private", "sh", "-c", up + _ENTER, "sh", *places],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
