"""What Citus asks of the schema, so that one PostgreSQL can become many."""

import pytest
from hutong_server.store.tables import metadata
from sqlalchemy import Index, Table, UniqueConstraint

BY_PATIENT = ("report", "report_version", "prompt", "consent_entry", "patient_change", "decision", "prompt_event")
REFERENCE = ("catalog_version", "catalog_entry", "institution", "patient_step", "patient_step_record")


def unique_keys(table: Table) -> list[set[str]]:
    keys = [set(table.primary_key.columns.keys())]
    keys += [set(each.columns.keys()) for each in table.constraints if isinstance(each, UniqueConstraint)]
    return keys + [set(each.columns.keys()) for each in table.indexes if isinstance(each, Index) and each.unique]


@pytest.mark.parametrize("name", BY_PATIENT)
def test_every_unique_key_holds_the_distribution_column(name: str) -> None:
    assert all("patient_key" in key for key in unique_keys(metadata.tables[name]))


def test_foreign_keys_stay_among_reference_tables() -> None:
    for table in metadata.tables.values():
        for key in table.foreign_keys:
            assert table.name in REFERENCE
            assert key.column.table.name in REFERENCE
