"""The version after this one, made: the same server with two migrations more, such as CONTRIBUTING.md allows."""

import shutil
from pathlib import Path

from hutong_server.store import migrations

_IGNORED = shutil.ignore_patterns("__pycache__")
_EXPANDING = '''"""A table, and columns of tables in use."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    """Makes them."""
    op.create_table("next_thing", sa.Column("number", sa.Integer(), primary_key=True))
    for table in ("report", "identity", "access_record", "decision", "feed_status", "patient_token"):
        op.add_column(table, sa.Column("next_text", sa.Text(), nullable=True))
    op.add_column("prompt", sa.Column("next_number", sa.Integer(), nullable=False, server_default="0"))
'''
_INDEX = '''"""An index of a table in use."""

from hutong_server.store.migrations.online import create_index

revision = "9002"
down_revision = "9001"
CONCURRENTLY = True


def upgrade() -> None:
    """Makes it."""
    create_index("ix_prompt_next_number", "prompt", ["next_number"])
'''
REVISIONS = ("9001", "9002")


def add_migrations(scripts: Path) -> None:
    """Puts the two behind those that are there."""
    head = migrations.revisions()[-1]
    (scripts / "versions" / "9001_next.py").write_text(_EXPANDING.format(head=head))
    (scripts / "versions" / "9002_next_index.py").write_text(_INDEX)


def copy_server(directory: Path) -> Path:
    """Puts the next version's server package into a directory, for PYTHONPATH; returns it."""
    package = directory / "hutong_server"
    shutil.copytree(Path(migrations.__file__).parents[2], package, ignore=_IGNORED)
    add_migrations(package / "store" / "migrations")
    return directory
