"""The commands of docs/operations.md, "Back up and restore", run as they stand."""

import re
import shlex
import shutil
from pathlib import Path

from hutong_server.store.database_copy import files_at

from tests.api.documents import CATALOG, lab_report, person, publish
from tests.api.site import Material, start_site
from tests.e2e.desk import Desk

SECTION = re.search(
    r"^## Back up and restore\n(.*?)^## ",
    (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)


def commands() -> list[list[str]]:
    """By block."""
    assert SECTION is not None
    return [block.splitlines() for block in re.findall(r"^```bash\n(.*?)^```", SECTION[1], re.DOTALL | re.MULTILINE)]


def moved(file: Path, place: Path) -> None:
    """A database with its ledger files."""
    for each in files_at(file):
        shutil.move(each, place.with_name(place.name + each.name.removeprefix(file.name)))


async def test_the_commands_run_as_they_stand(material: Material, tmp_path: Path) -> None:
    desk = Desk(material, f"sqlite:///{tmp_path}/hutong.db", tmp_path, None)
    places = {"/backup/hutong": tmp_path / "backup", "/safe/hutong-keys": tmp_path / "keys", "/worm": tmp_path / "worm"}

    def run(line: str) -> tuple[int, str]:
        for written, real in places.items():
            line = line.replace(written, str(real))
        program, *arguments = shlex.split(line.replace("990421-H01", "H1"))
        assert program == "hutong-server"
        made = desk.run(*arguments)
        return made.exit_code, made.output

    backups, (put_back, doctor), (exports, accept), (excuse,), (in_place,) = commands()
    site = await start_site(material, desk.url, HUTONG_LEDGER_EXPORT=str(tmp_path / "worm" / "registry1"))
    await site.load(CATALOG)
    await site.publishing("H1").PublishReport(publish(lab_report("kept", person(1))), timeout=10)
    for line in backups:
        assert run(line)[0] == 0
    gone = lab_report("kept", person(1), status="entered-in-error")
    await site.publishing("H1").PublishReport(publish(gone), timeout=10)
    await site.close()
    (tmp_path / "worm" / "registry2").mkdir()
    lost = tmp_path / "lost.db"
    moved(tmp_path / "hutong.db", lost)

    assert run(put_back)[0] == 3
    code, said = run(exports)
    assert (code, "replayed: 1 × withdrawal" in said, "feeds go on: H1" in said) == (0, True, True)
    # Of what is wrong with this place, one thing is said of the restore: the feed that has not gone on.
    assert re.findall(r"^\S+ +restore .*", run(doctor)[1], re.MULTILINE) == [
        "WRONG  restore       nothing is reusable of 1 institutions whose feeds have not gone on since: H1"
    ]
    assert run(excuse)[0] == 0
    assert "restore " not in run(doctor)[1]

    desk.lose()
    shutil.rmtree(tmp_path / "export")
    assert run(put_back)[0] == 3
    assert run(accept)[0] == 0

    desk.lose()
    moved(lost, tmp_path / "hutong.db")
    desk.more["HUTONG_LEDGER_EXPORT"] = str(tmp_path / "worm" / "registry1")
    assert run(in_place)[0] == 0
