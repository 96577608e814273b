"""The catalogue's readable files: read with every error placed, compared, and made into the rule book."""

from hutong_server.catalog.compile import Entries, build_rule_book
from hutong_server.catalog.diff import diff
from hutong_server.catalog.own import check_own
from hutong_server.catalog.reading import read_catalog
from hutong_server.catalog.references import check_references

__all__ = ["Entries", "build_rule_book", "check_own", "check_references", "diff", "read_catalog"]
