"""How far replicas are behind."""

from sqlalchemy import text

from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction

# Of a replica that has replayed everything the lag is null; of one whose numbers this role may not see, too.
_LAG = Statement(text("SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication"))


def replication_lag(tx: Transaction) -> float:
    """See Reader."""
    row = tx.row(_LAG) if tx.database == "postgresql" else None
    return float(row[0]) if row else 0.0
