"""Reader and Writer of store/base.py over one transaction: each question is answered in the module of its resource."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hutong_server.store import accesses as _accesses
from hutong_server.store import catalog as _catalog
from hutong_server.store import catalog_history as _catalog_history
from hutong_server.store import certificates as _certificates
from hutong_server.store import changes as _changes
from hutong_server.store import consent as _consent
from hutong_server.store import decisions as _decisions
from hutong_server.store import feeds as _feeds
from hutong_server.store import held as _held
from hutong_server.store import housekeeping as _housekeeping
from hutong_server.store import intake as _intake
from hutong_server.store import keys as _keys
from hutong_server.store import notices as _notices
from hutong_server.store import patients as _patients
from hutong_server.store import prompts as _prompts
from hutong_server.store import reliances as _reliances
from hutong_server.store import replication as _replication
from hutong_server.store import report_names as _names
from hutong_server.store import reports as _reports
from hutong_server.store import resealing as _resealing
from hutong_server.store import restoration as _restoration
from hutong_server.store import statistics_counts as _counts
from hutong_server.store import statistics_raw as _raw
from hutong_server.store import steps as _steps
from hutong_server.store import unmapped as _unmapped
from hutong_server.store.base import AccessRecord, Ledger, LedgerLog, Prompt, Sealer, StoreUnavailable
from hutong_server.store.base_acts import Act
from hutong_server.store.ledger import Committed, Pending, end_log, pending_of, write_leaves, write_outside
from hutong_server.store.ledger_slot import LedgerSlot
from hutong_server.store.sessions import Session, watch_commits
from hutong_server.store.side_by_side import Answer, answer_of, side_by_side
from hutong_server.store.transaction import Transaction

__all__ = ["SqlReader", "SqlWriter"]

LOG_LEAVES = 65_536
"""Leaves after which a log ends and the next begins."""


class Untold(StoreUnavailable):
    """An act could not be exported; the transaction is rolled back. What was not an act is kept when it runs alone."""


class SqlReader(Transaction):
    """The Reader."""

    __slots__ = ()

    catalog_version = _catalog.catalog_version
    catalog_rows = _catalog.catalog_rows
    catalog_changes = _catalog_history.catalog_changes
    catalog_history = _catalog_history.catalog_history
    waiting_imports = _catalog_history.waiting_imports
    due_import = _catalog_history.due_import
    pending_import = _catalog_history.pending_import
    unmapped_codes = _unmapped.unmapped_codes
    unmapped_rows = _unmapped.unmapped_rows
    unmapped_count = _unmapped.unmapped_count
    results_seen = _unmapped.results_seen
    intake_counts = _intake.intake_counts
    old_count = _housekeeping.old_count
    old_rows = _housekeeping.old_rows
    institutions = _catalog.institutions
    institution = _catalog.institution
    persons = _patients.persons
    person_of = _patients.person_of
    patient_records = _patients.patient_records
    steps = _steps.steps
    step = _steps.step
    reports = _reports.reports
    report = _reports.report
    hidden_report = _reports.hidden_report
    hidden_reports = _reports.hidden_reports
    document = _reports.document
    versions = _reports.versions
    identity = _names.identity
    name_uses = _names.name_uses
    identity_of = _reports.identity_of
    institution_counts = _reports.institution_counts
    held = _held.held
    held_count = _held.held_count
    held_report = _held.held_report
    consent = _consent.consent
    look_at_nobodys_consent = _consent.nobodys
    opening = _consent.opening
    openings = _consent.openings
    openings_waiting = _consent.openings_waiting
    feed = _feeds.feed
    feeds = _feeds.feeds
    prompts = _prompts.prompts
    changes = _changes.changes
    decisions = _decisions.decisions
    decisions_on = _decisions.decisions_on
    events_on = _decisions.events_on
    counts = _counts.counts
    counted_cells = _counts.counted_cells
    counting_positions = _counts.counting_positions
    counting_run = _counts.counting_run
    anything_counted = _counts.anything_counted
    raw_day = _raw.raw_day
    part_of_day = _raw.part_of_day
    days_touched = _raw.days_touched
    access_records = _prompts.access_records
    restoration = _restoration.restoration
    unresumed = _restoration.unresumed
    accesses = _accesses.accesses
    certificate = _certificates.certificate
    certificate_of = _certificates.certificate_of
    certificates = _certificates.certificates
    revocations = _certificates.revocations
    revoked_certificates = _certificates.revoked_certificates
    certificate_days = _certificates.certificate_days
    certificate_ends = _certificates.certificate_ends
    enrollment_token = _certificates.enrollment_token
    enrollment = _certificates.enrollment
    pending_enrollments = _certificates.pending_enrollments
    data_keys = _keys.data_keys
    sealed_anything = _keys.sealed_anything
    token_uses = _keys.token_uses
    reliances = _reliances.reliances
    relied_since = _reliances.relied_since
    sweep_position = _reliances.sweep_position
    notices = _notices.notices
    notice = _notices.notice
    notice_heads = _notices.notice_heads
    replication_lag = _replication.replication_lag
    check_seals = _resealing.check_seals
    seal_uses = _resealing.seal_uses

    def answers(self, questions: Sequence[Callable[[Any], Any]]) -> list[Answer]:
        """What questions come to, in one read transaction that the caller begins and ends."""
        given = [partial(question, self) for question in questions]
        if self.database == "sqlite" or len(given) == 1:
            # Nothing is gained where a statement takes no round trip.
            return [answer_of(each) for each in given]
        return side_by_side(self, given)

    def ping(self) -> None:
        """See Reader."""
        self.command("SELECT 1")


class SqlWriter(SqlReader):
    """The Writer. One that is given a ledger is a log of it: the commit writes the leaves first."""

    __slots__ = ("_at", "_ledger", "_log", "_plain", "_slot", "_untouched", "pending", "waiting")

    def __init__(
        self,
        connection: Any,
        database: str,
        sealer: Sealer,
        ledger: Ledger | None = None,
        session: Session = Session(),  # noqa: B008  immutable
        slot: LedgerSlot | None = None,
    ) -> None:
        """`slot`: the ledger file for the leaves; None: they stand in the database."""
        super().__init__(connection, database, sealer, session)
        if database == "postgresql":
            self._warnings = watch_commits(connection)
        self._ledger = ledger
        self._slot = slot
        self._log: LedgerLog | None = None
        self._at = 0
        self.pending: list[Pending] = []
        """Leaves of the jobs that have run."""
        self.waiting: list[Prompt] = []
        """Prompts of a job among others that has done nothing else yet: they are written with those of the others."""
        self._plain = self._execute, self._execute_many
        self._untouched = False
        """A job among others is running that has not spoken to the database."""

    def record(self, access: AccessRecord, *acts: Act) -> None:
        """See Writer."""
        self.pending.append(pending_of(access, acts))

    def put_prompt(self, prompt: Prompt) -> None:
        """See Writer."""
        if self._untouched:
            self.waiting.append(prompt)
        else:
            _prompts.put_prompt(self, prompt)

    def begin_job(self) -> None:
        """Begins a job that shares the transaction with others. Its savepoint is set by its first statement."""
        self.pending, self.waiting = [], []
        self._untouched = True
        self._execute, self._execute_many = self._first, self._first_many

    def end_job(self) -> tuple[list[Pending], list[Prompt]]:
        """Ends it; the leaves and prompts that are to be written for it."""
        if not self._touch_nothing():
            self.command("RELEASE SAVEPOINT job")
        return self.pending, self.waiting

    def undo_job(self) -> None:
        """Undoes it."""
        if not self._touch_nothing():
            self.command("ROLLBACK TO SAVEPOINT job")
            self.command("RELEASE SAVEPOINT job")
        self.pending, self.waiting = [], []

    def _touch_nothing(self) -> bool:
        """Takes the job's end from its statements on; whether it had none."""
        untouched, self._untouched = self._untouched, False
        self._execute, self._execute_many = self._plain
        return untouched

    def _first(self, text: str, values: Any = ()) -> Any:
        self._set_savepoint()
        return self._execute(text, values)

    def _first_many(self, text: str, values: Any) -> Any:
        self._set_savepoint()
        return self._execute_many(text, values)

    def _set_savepoint(self) -> None:
        self._touch_nothing()
        self.command("SAVEPOINT job")
        waiting, self.waiting = self.waiting, []
        for prompt in waiting:
            _prompts.put_prompt(self, prompt)

    def begin_write(self) -> None:
        """See Transaction. A log that has grown long ends, so that a proof in it stays cheap."""
        if self._log is not None and self._log.size >= LOG_LEAVES:
            self.end_log()
        self._touch_nothing()
        self.pending, self.waiting = [], []
        self.touched.clear()
        super().begin_write()

    def rollback(self) -> None:
        """See Transaction."""
        self._touch_nothing()
        self.pending, self.waiting = [], []
        super().rollback()

    def commit(self) -> None:
        """Counts what changed, writes the leaves, signs what the log has come to, and makes it all durable."""
        if self.touched:
            _changes.raise_changes(self, self.touched)
        written: Committed | None = None
        if self.pending and self._ledger is None:
            write_outside(self, self.pending)
        elif self.pending and self._ledger is not None:
            log = self._log or self._ledger.new_log()
            written = write_leaves(self, self._ledger, log, self.pending, self._file())
            self._at = self.pending[-1].access.at
            self._tell_acts(self._ledger, written)
            if self._slot is not None:
                # Last: nearly all that can fail has not.
                self._slot.write(self, written.rows)
        self._commit(written)

    def _file(self) -> int | None:
        if self._slot is None:
            return None
        try:
            return self._slot.take()
        except OSError as error:
            self.rollback()
            raise StoreUnavailable(f"no ledger file can be written ({type(error).__name__})") from None

    def _tell_acts(self, ledger: Ledger, written: Committed) -> None:
        """Acts are told before they count: one that is told and then fails is tried again by its caller."""
        if not (written.acts or written.log.size == 0):
            return
        # Wrapped: a key that is made after a backup must not be lost with the database.
        keys = tuple(key for key in self.data_keys() if key.purpose == "seal")
        try:
            ledger.tell(written.log.log_id, written.acts, self.sealer, keys)
        except OSError as error:
            self.rollback()
            raise Untold(f"the export of the ledger cannot be written ({type(error).__name__})") from None

    def end_log(self) -> None:
        """Writes the end of this writer's log, in a transaction of its own."""
        ended, self._log = self._log, None
        if ended is not None and self._ledger is not None:
            self.begin_write()
            trees = end_log(self, self._ledger, ended, self._at)
            self._commit(Committed(ended, trees))
            self._log = None

    def _commit(self, written: Committed | None) -> None:
        try:
            super().commit()
        except BaseException:
            # Whether it is durable is not known: this log is not continued, the next leaves begin another.
            self._log = None
            raise
        self.pending.clear()
        if written is not None and self._ledger is not None:
            if self._slot is not None and written.rows:
                self._slot.committed()
            written.log.advance()
            self._log = written.log
            for log_id, tree in written.trees:
                self._ledger.committed(log_id, tree)

    put_institution = _catalog.put_institution
    apply_catalog = _catalog.apply_catalog
    put_unmapped = _unmapped.put_unmapped
    add_results_seen = _unmapped.add_results_seen
    add_intake = _intake.add_intake
    forget = _housekeeping.forget
    put_pending = _catalog_history.put_pending
    open_patient = _patients.open_patient
    add_tokens = _patients.add_tokens
    remove_tokens = _patients.remove_tokens
    put_step = _steps.put_step
    put_identity = _reports.put_identity
    put_version = _reports.put_version
    put_report = _reports.put_report
    set_held = _reports.set_held
    remove_report = _reports.remove_report
    put_held = _held.put_held
    remove_held = _held.remove_held
    put_feed = _feeds.put_feed
    put_restoration = _restoration.put_restoration
    put_directive = _consent.put_directive
    put_opening = _consent.put_opening
    put_data_key = _keys.put_data_key
    remove_data_key = _keys.remove_data_key
    retoken = _keys.retoken
    rename = _names.rename
    retoken_held = _held.retoken_held
    reseal = _resealing.reseal
    add_prompts = _prompts.add_prompts
    put_decision = _decisions.put_decision
    put_prompt_event = _decisions.put_prompt_event
    add_counts = _counts.add_counts
    put_counting_position = _counts.put_counting_position
    put_counting_run = _counts.put_counting_run
    forget_counts = _counts.forget_counts
    put_reliance = _reliances.put_reliance
    remove_reliance = _reliances.remove_reliance
    set_fallen = _reliances.set_fallen
    put_sweep_position = _reliances.put_sweep_position
    put_notice = _notices.put_notice
    skip_notices = _notices.skip_notices
    acknowledge_notice = _notices.acknowledge_notice
    hide_notice = _notices.hide_notice
    show_notice = _notices.show_notice
    put_certificate = _certificates.put_certificate
    put_enrollment_token = _certificates.put_enrollment_token
    use_challenge = _certificates.use_challenge
    forget_certificates = _certificates.forget_certificates
