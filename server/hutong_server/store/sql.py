"""Reader and Writer of store/base.py over one transaction: each question is answered in the module of its resource."""

from hutong_server.store import catalog as _catalog
from hutong_server.store import certificates as _certificates
from hutong_server.store import feeds as _feeds
from hutong_server.store import held as _held
from hutong_server.store import patients as _patients
from hutong_server.store import prompts as _prompts
from hutong_server.store import reports as _reports
from hutong_server.store import steps as _steps
from hutong_server.store.transaction import Transaction

__all__ = ["SqlReader", "SqlWriter"]


class SqlReader(Transaction):
    """The Reader."""

    __slots__ = ()

    catalog_version = _catalog.catalog_version
    catalog_rows = _catalog.catalog_rows
    institutions = _catalog.institutions
    institution = _catalog.institution
    persons = _patients.persons
    person_of = _patients.person_of
    patient_records = _patients.patient_records
    steps = _steps.steps
    step = _steps.step
    reports = _reports.reports
    report = _reports.report
    document = _reports.document
    versions = _reports.versions
    identity = _reports.identity
    identity_of = _reports.identity_of
    institution_counts = _reports.institution_counts
    held = _held.held
    held_report = _held.held_report
    feed = _feeds.feed
    feeds = _feeds.feeds
    prompts = _prompts.prompts
    access_records = _prompts.access_records
    certificate = _certificates.certificate
    certificate_of = _certificates.certificate_of
    certificates = _certificates.certificates
    revocations = _certificates.revocations
    revoked_certificates = _certificates.revoked_certificates
    certificate_days = _certificates.certificate_days
    enrollment_token = _certificates.enrollment_token
    enrollment = _certificates.enrollment
    pending_enrollments = _certificates.pending_enrollments

    def ping(self) -> None:
        """See Reader."""
        self.command("SELECT 1")


class SqlWriter(SqlReader):
    """The Writer."""

    __slots__ = ()

    put_institution = _catalog.put_institution
    apply_catalog = _catalog.apply_catalog
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
    put_prompt = _prompts.put_prompt
    record = _prompts.record
    put_certificate = _certificates.put_certificate
    put_enrollment_token = _certificates.put_enrollment_token
    use_challenge = _certificates.use_challenge
