"""`make city`: a large made city in a registry's database, by a path that writes what publishing writes, in bulk.

Documents of the made city are read once each by the real intake (moulds.py), and poured for every patient with names,
numbers and identifiers of their own. Rows, keys, seals, tokens, names and ledger leaves are those of the real path
(rows.py); tests/bulk/test_bulk.py publishes a sample through the API and compares.
"""
