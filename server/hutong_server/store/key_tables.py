"""Wrapped data keys, sealed identifiers: the tables. See tables.py for what holds of all."""
