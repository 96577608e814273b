"""The documents on a clean machine, each command as printed: "One machine" of docs/operations.md, to a registry with
PostgreSQL, HAProxy and Prometheus, then "Thirty minutes" of docs/emr-integration.md, to the first prompt; then the
database is backed up, lost and put back.

HUTONG_WALK says how far: "machine" (as `make test`) to the registry and its first administrator; "here" (as .ci/run) to
the end; "whole" (`make walk`) too, with the packages and the program by apt-get and pip, which takes minutes and a
network. Otherwise packages and program are those that are here. systemd never runs: tests/walk/systemctl stands
in for it, and how systemd reads the unit is tested in tests/deploy.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.deploy.files import program
from tests.walk.machine import ROOT, walk, why_not

OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
INTEGRATION = (ROOT / "docs" / "emr-integration.md").read_text("utf-8")
FAR = os.environ.get("HUTONG_WALK", "machine")
WHOLE = FAR == "whole"
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
  [ "$1 $2" = "-m venv" ] || { command python3 "$@"; return; }
  install -d "$3/bin"
  for each in hutong hutong-server; do printf '#!/bin/sh\\nexec BIN/%s "$@"\\n' "$each" > "$3/bin/$each"; done
  printf '#!/bin/sh\\n' > "$3/bin/pip"
  chmod 0755 "$3"/bin/*
  echo "PATH=$(realpath "$3")/bin:\\$PATH" > "$3/bin/activate"
}
"""
_FRESH = """
apt-get() { command apt-get -qq "$@" > /run/walk/apt.log 2>&1; case "$*" in *postgresql) clusters ;; esac; }
"""
_AFTER = """
echo "# as a stranger would look"
runuser -u postgres -- psql --tuples-only --no-align --command 'SELECT count(*) FROM catalog_version' hutong
curl --silent --fail --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:9090/-/ready
curl --silent http://127.0.0.1:9464/metrics | grep '^hutong_serving '
stat --format '%U %a' /var/lib/hutong/registry/keys/kek.key /proc/"$(cat /run/stand-in/hutong)"
ss -Hltn | awk '{print $4}' | sort
systemctl stop hutong
tail -n 1 /run/stand-in-hutong.log
"""
_LOST = """
systemctl stop hutong
runuser -u postgres -- dropdb hutong
runuser -u postgres -- createdb --owner=hutong --template=template0 --encoding=UTF8 hutong
"""
_BACK = """
systemctl start hutong
until hutong-server health --target localhost:7443; do sleep 1; done
echo "# put back"
hutong chart --practitioner D1 --encounter E2 --patient-file patient.txt | grep -c 样HR || true
hutong publish city/reports/990421-H01 --cert feed/client.pem --key feed/client.key > /dev/null || [ $? = 1 ]
[ "$(hutong chart --practitioner D1 --encounter E3 --patient-file patient.txt | grep -c 样HR)" -gt 10 ]
echo "# and gone on"
"""
_SCRAPED = """
for _ in $(seq 30); do
  promtool query instant http://127.0.0.1:9090 'up{job="hutong"}' | grep '=> 1' && break
  sleep 1
done
"""


def blocks(document: str, heading: str) -> list[str]:
    """The shell blocks below a heading, up to the next one of its level."""
    part = document.partition(f"\n{heading}\n")[2].partition(f"\n{heading.split()[0]} ")[0]
    found = re.findall(r"^```(?:ba)?sh\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    assert found
    return found


def script() -> str:
    """All of it, each block announced."""
    own = _BEFORE + (_FRESH if WHOLE else _AS_HERE.replace("BIN", str(BIN)))
    found = blocks(OPERATIONS, "### One machine")
    if FAR == "machine":
        assert "hutong city write" in found.pop()
    else:
        found.append("unset HUTONG_REGISTRY HUTONG_CA HUTONG_CERT HUTONG_KEY\nOWN=$PATH\n")
        # The administrator hands the fingerprint over with the token.
        found += [block.replace("sha256:…", '"$FINGERPRINT"') for block in blocks(INTEGRATION, "## Thirty minutes")]
        backup, restore = (blocks(OPERATIONS, name)[0] for name in ("## Back up and restore", "### Put it back"))
        # Back from the institution's environment to the machine's.
        found += [
            "PATH=$OWN\ninstall -d -o hutong /backup/hutong /safe/hutong-keys\n",
            backup,
            _LOST,
            f"set +e\n{restore}set -e\n",
            _BACK,
        ]
    told = [f"echo '# block {number}'\n{block}" for number, block in enumerate(found, 1)]
    return "\n".join([own, *told, _SCRAPED if WHOLE else "", _AFTER])


@pytest.mark.timeout(900 if WHOLE else 400)
def test_one_machine_as_printed(tmp_path: Path) -> None:
    if reason := why_not() or ", ".join(name for name in NEEDED if not (shutil.which(name) or program(name))):
        pytest.skip(f"not walked: {reason}")
    if not WHOLE and not (BIN / "hutong-server").exists():
        pytest.skip("not walked: no .venv")
    done = walk(script(), tmp_path / "walk", network=WHOLE, timeout=800 if WHOLE else 380)
    said = done.stdout
    assert done.returncode == 0, said[-3000:] + done.stderr[-3000:]
    assert "safe to start" in said
    assert "nothing is wrong" in said
    assert "\nSERVING\n" in said
    assert "0 wrong, " in said
    after = said.partition("# as a stranger would look")[2]
    if FAR != "machine":
        # The institution's doctor: a trial prompt is answered, and the first real one has lines.
        assert re.search(r"ok +prompt ", said)
        assert re.search(r"^ +potassium .* 样HR", said, re.MULTILINE)
        # What was put back is reusable once the feed has gone on, and not before.
        assert "feeds have not gone on since: 990421-H01" in said
        assert "# put back\n0\n# and gone on\n" in said
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
