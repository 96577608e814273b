"""Directives, break-glass and its reviews: the tables. See tables.py for what holds of all."""
