"""Certificates, enrolment tokens, renewals: the tables. See tables.py for what holds of all."""
