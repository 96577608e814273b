"""An operator's desk: a database, its settings, and the commands of hutong-server, run in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import Result
from hutong_server.__main__ import cli
from typer.testing import CliRunner

from tests.api.site import Material
from tests.postgresql import PostgresqlServer, programs


@dataclass
class Desk:
    """An operator with a database and its settings."""

    material: Material
    url: str
    directory: Path
    postgresql: PostgresqlServer | None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        export = {"HUTONG_LEDGER_EXPORT": str(self.directory / "export")}
        return self.material.environment(self.url, **{**export, **self.more})

    def run(self, *arguments: str, **more: str) -> Result:
        if self.postgresql and arguments[0] in ("backup", "restore"):
            arguments = (*arguments, "--postgresql-programs", str(programs()))
        made = CliRunner().invoke(cli, list(arguments), env={**self.environment, **more}, catch_exceptions=False)
        print(*arguments, made.exit_code, made.output, sep="\n")
        return made

    def lose(self) -> None:
        """The database is gone; an empty one takes its place on PostgreSQL."""
        if self.postgresql:
            self.postgresql.drop(self.postgresql.database(self.url))
            self.url = self.postgresql.url(self.postgresql.create())
        else:
            for path in Path(self.url.removeprefix("sqlite:///")).parent.glob("hutong.db*"):
                path.unlink()
