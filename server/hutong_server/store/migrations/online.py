"""What a migration may do to a large table that is in use, beyond adding columns."""

from collections.abc import Sequence
from typing import Any

from alembic import op


def create_index(name: str, table: str, columns: Sequence[str], **more: Any) -> None:
    """An index, built beside the writers of its table.

    For migrations that say `CONCURRENTLY = True` and make nothing but indexes: they run outside a transaction, and from
    their beginning again when they were broken off. SQLite's writers wait, as does an empty database's nobody.
    """
    concurrently = bool(op.get_context().config.attributes.get("concurrently"))  # type: ignore[union-attr]
    if concurrently:
        # What a broken-off build left behind is there and serves nobody.
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
    op.create_index(name, table, columns, postgresql_concurrently=concurrently, **more)
