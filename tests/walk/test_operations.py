"""docs/operations.md on a clean machine: every command of "One machine" as printed, to a registry with PostgreSQL,
HAProxy and Prometheus, on a copy of this one.

What stands in for something: systemd is tests/walk/systemctl (how systemd itself reads the unit is tested in
tests/deploy), and in `make test` the packages and the virtual environment are those that are here. HUTONG_WALK=whole
(`make walk`) gets both by apt-get and pip, which takes minutes and a network.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.deploy.files import program
from tests.walk.machine import ROOT, walk, why_not

DOCUMENT = (ROOT / "docs" / "operations.md").read_text("utf-8")
WHOLE = os.environ.get("HUTONG_WALK") == "whole"
BIN = ROOT / ".venv" / "bin"
NEEDED = ("pg_ctlcluster", "haproxy", "prometheus", "promtool", "systemd-sysusers", "setpriv")

_BEFORE = """
set -euo pipefail
clusters() {
  pg_lsclusters -h | while read -r version name rest; do pg_ctlcluster "$version" "$name" start || true; done
}
"""
_AS_HERE = """
apt-get() { case "$*" in *postgresql) clusters ;; esac; }
python3() {
  install -d /opt/hutong/bin
  for each in hutong hutong-server; do printf '#!/bin/sh\\nexec BIN/%s "$@"\\n' "$each" > "/opt/hutong/bin/$each"; done
  printf '#!/bin/sh\\n' > /opt/hutong/bin/pip
  chmod 0755 /opt/hutong/bin/*
}
"""
_FRESH = """
apt-get() { command apt-get -qq "$@" > /run/walk/apt.log 2>&1; case "$*" in *postgresql) clusters ;; esac; }
"""
_AFTER = """
echo "# as a stranger would look"
hutong admin institution show 990421-H01
runuser -u postgres -- psql --tuples-only --no-align --command 'SELECT count(*) FROM catalog_version' hutong
curl --silent --fail --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:9090/-/ready
curl --silent http://127.0.0.1:9464/metrics | grep '^hutong_serving '
stat --format '%U %a' /var/lib/hutong/registry/keys/kek.key /proc/"$(cat /run/stand-in/hutong)"
ss -Hltn | awk '{print $4}' | sort
systemctl stop hutong
tail -n 1 /run/stand-in-hutong.log
"""
_SCRAPED = """
for _ in $(seq 30); do
  promtool query instant http://127.0.0.1:9090 'up{job="hutong"}' | grep '=> 1' && break
  sleep 1
done
"""


def blocks(heading: str) -> list[str]:
    """The shell blocks below a heading, up to the next one."""
    part = DOCUMENT.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)


def script() -> str:
    """All of it, each block announced."""
    own = _BEFORE + (_FRESH if WHOLE else _AS_HERE.replace("BIN", str(BIN)))
    told = [f"echo '# block {number}'\n{block}" for number, block in enumerate(blocks("One machine"), 1)]
    return "\n".join([own, *told, _SCRAPED if WHOLE else "", _AFTER])


@pytest.mark.timeout(900 if WHOLE else 120)
def test_one_machine_as_printed(tmp_path: Path) -> None:
    if reason := why_not() or ", ".join(name for name in NEEDED if not (shutil.which(name) or program(name))):
        pytest.skip(f"not walked: {reason}")
    if not WHOLE and not (BIN / "hutong-server").exists():
        pytest.skip("not walked: no .venv")
    done = walk(script(), tmp_path / "walk", network=WHOLE, timeout=800 if WHOLE else 100)
    said = done.stdout
    assert done.returncode == 0, said[-3000:] + done.stderr[-3000:]
    assert "safe to start" in said
    assert "nothing is wrong" in said
    assert "\nSERVING\n" in said
    assert "0 wrong, " in said
    after = said.partition("# as a stranger would look")[2]
    assert "县人民医院" in after
    assert "Prometheus Server is Ready." in after
    assert "hutong_serving 1.0" in after
    # The keys are the service's alone, and it is the service that runs.
    assert "hutong 600" in after
    assert "hutong 555" in after
    # What institutions reach is HAProxy; the registry, its metrics and Prometheus stay on this machine.
    listening = {each.replace("[::ffff:127.0.0.1]", "127.0.0.1") for each in after.split()}
    assert {f"127.0.0.1:{port}" for port in (7444, 7446, 9464, 9090)} <= listening
    assert {"0.0.0.0:7443", "0.0.0.0:7445"} <= listening
    assert not {each for each in listening if re.fullmatch(r"(\*|0\.0\.0\.0|\[::\]):(7444|7446|9464|9090|5432)", each)}
    assert '"ended"' in after.splitlines()[-1]
    if WHOLE:
        assert 'up{instance="localhost:9464", job="hutong"} => 1' in said
