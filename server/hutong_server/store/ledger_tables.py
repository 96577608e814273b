"""The access ledger: the tables. See tables.py for what holds of all."""
