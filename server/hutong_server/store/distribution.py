"""The distributed form, for more than one machine (Citus): where each table stands, and what puts it there.

What is of a patient stands with the patient, on one machine: a chart is a handful of statements, each for one of them.
Nothing joins across machines on the way of a call. What is small, or has one writer, stays on the coordinator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Table, UniqueConstraint

from hutong_server.store.distribution_tables import distributed_only
from hutong_server.store.tables import metadata

COORDINATOR: Final = "coordinator"
REFERENCE: Final = "reference"
DISTRIBUTED: Final = "distributed"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a table stands."""

    kind: Literal["coordinator", "reference", "distributed"]
    column: str = ""
    """The distribution column."""
    beside: str = ""
    """The table in whose shards it stands; empty: in shards of its own."""


def _by(column: str, beside: str = "") -> Placement:
    return Placement(DISTRIBUTED, column, beside)


_OF_PATIENT = _by("patient_key", "report")
_OF_INSTITUTION = _by("institution", "feed_status")
_EVERYWHERE = Placement(REFERENCE)
_HERE = Placement(COORDINATOR)

PLACEMENTS: Final[Mapping[str, Placement]] = {
    "report": _by("patient_key"),
    "report_version": _OF_PATIENT,
    "patient_change": _OF_PATIENT,
    "consent_entry": _OF_PATIENT,
    "prompt": _OF_PATIENT,
    "decision": _OF_PATIENT,
    "prompt_event": _OF_PATIENT,
    "reliance": _OF_PATIENT,
    "ledger_subject": _OF_PATIENT,
    "patient": _by("key", "report"),
    "patient_step_record": _OF_PATIENT,
    "patient_step": _by("step_id"),
    "patient_token": _by("token"),
    "person_member": _by("person"),
    "identity": _by("key"),
    "report_name": _by("report_id"),
    "access_record": _by("log_id"),
    "ledger_checkpoint": _by("log_id", "access_record"),
    "feed_status": _by("institution"),
    "notice": _OF_INSTITUTION,
    "notice_head": _OF_INSTITUTION,
    "intake_count": _OF_INSTITUTION,
    "statistics_count": _by("receiver"),
    # Read by every server into its memory, written once in a while.
    "catalog_version": _EVERYWHERE,
    "catalog_entry": _EVERYWHERE,
    "institution": _EVERYWHERE,
    "data_key": _EVERYWHERE,
    "key_wrap": _EVERYWHERE,
    "restoration": _EVERYWHERE,
    # One writer at a time, or few rows: the start of a log, whoever waits for an administrator, the run of a count.
    "ledger_log": _HERE,
    "ledger_root": _HERE,
    "held_report": _HERE,
    "unmapped_code": _HERE,
    "unmapped_share": _HERE,
    "catalog_pending": _HERE,
    "certificate": _HERE,
    "enrollment_token": _HERE,
    "renewal_challenge": _HERE,
    "notice_sweep": _HERE,
    "statistics_position": _HERE,
    "statistics_run": _HERE,
}

_FORM: Final[tuple[str, ...]] = (
    # A unique key must hold the distribution column; leaves are found by log and place.
    "ALTER TABLE access_record DROP CONSTRAINT pk_access_record",
    "UPDATE access_record SET log_id = '' WHERE log_id IS NULL",
    "ALTER TABLE access_record ADD CONSTRAINT pk_access_record PRIMARY KEY (log_id, record_id)",
    # Steps and the records that they concern stand on different machines.
    "ALTER TABLE patient_step_record DROP CONSTRAINT IF EXISTS fk_patient_step_record_step_id_patient_step",
)
"""What the tables are given before they are distributed. Servers of the same version know both forms."""

FILL: Final[tuple[str, ...]] = (
    "INSERT INTO person_member (person, key) SELECT person, key FROM patient ON CONFLICT DO NOTHING",
    "INSERT INTO report_name (report_id, key) SELECT report_id, key FROM identity ON CONFLICT DO NOTHING",
)
"""What the indexes of the distributed form hold of a database that is in use already."""

_KEYS_OF_FORM: Final = {"access_record": {frozenset({"log_id", "record_id"})}}
"""Primary keys that the distributed form changes."""


def tables() -> list[Table]:
    """All tables of the distributed form."""
    return [*metadata.sorted_tables, *distributed_only.sorted_tables]


def plan(distributed: Iterable[str], *, formed: bool) -> list[str]:
    """Statements that bring a database into the distributed form, in order.

    `distributed`: tables that stand as they should already. `formed`: whether it was in this form before.
    """
    done = set(distributed)
    statements = [] if formed else list(_FORM)
    todo = [table.name for table in tables() if table.name not in done]
    for name in todo:
        if PLACEMENTS[name].kind == REFERENCE:
            statements.append(f"SELECT create_reference_table('{name}')")
    # A table before those that stand beside it.
    for name in sorted(todo, key=lambda each: bool(PLACEMENTS[each].beside)):
        placement = PLACEMENTS[name]
        if placement.kind == DISTRIBUTED:
            beside = placement.beside or "none"
            statements.append(
                f"SELECT create_distributed_table('{name}', '{placement.column}', colocate_with => '{beside}')"
            )
    return statements


def faults() -> list[str]:
    """What Citus would refuse of the schema, one sentence each: none, or a table was added and not thought through."""
    found = []
    for table in tables():
        placement = PLACEMENTS.get(table.name)
        if placement is None:
            found.append(f"{table.name} is in no place")
            continue
        if placement.kind != DISTRIBUTED:
            continue
        if placement.column not in table.columns:
            found.append(f"{table.name} has no column {placement.column}")
            continue
        found += [
            f"a unique key of {table.name} does not hold {placement.column}: {', '.join(sorted(key))}"
            for key in _unique_keys(table)
            if placement.column not in key
        ]
        found += _crossing(table)
    found += [f"{name} is no table" for name in PLACEMENTS.keys() - {table.name for table in tables()}]
    return found


def _unique_keys(table: Table) -> set[frozenset[str]]:
    primary = _KEYS_OF_FORM.get(table.name, {frozenset(column.name for column in table.primary_key)})
    constraints = {
        frozenset(column.name for column in each.columns)
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
    }
    return (
        primary
        | constraints
        | {frozenset(column.name for column in each.columns) for each in table.indexes if each.unique}
    )


def _crossing(table: Table) -> list[str]:
    """Foreign keys to rows that may stand on another machine."""
    if table.name == "patient_step_record":
        return []  # the form drops it
    return [
        f"{table.name} refers to {key.column.table.name}, which stands elsewhere"
        for key in table.foreign_keys
        if PLACEMENTS[key.column.table.name].kind != REFERENCE
        and PLACEMENTS[key.column.table.name].beside != table.name
    ]
