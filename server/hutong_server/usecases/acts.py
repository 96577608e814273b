"""What is told of acts, so that they can be done again on an older state of the database (replay.py).

Each names what it is about by what an older state also has: a report by its keyed name, a patient by identifiers and
demographics. It is sealed before it leaves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple

from hutong_server.domain.consent import Directive
from hutong_server.domain.person import Demographics
from hutong_server.domain.recognition import Institution
from hutong_server.store.base import Act, Identity, PatientStep, PatientToken
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken
from hutong_server.usecases.publish_whose import Prepared

WITHDRAWAL = "withdrawal"
REPORT_HIDDEN = "report_hidden"
DIRECTIVE = "directive"
CERTIFICATE = "certificate"
INSTITUTION = "institution"
PATIENT_STEPS = "patient_steps"
ENROLLMENT = "enrollment"
RULES = "rules"


def withdrawal(of: Prepared) -> Act:
    """A report that its institution took back."""
    key = of.identity_key
    first = key.identifier if isinstance(key, PatientToken) else key
    return Act(
        WITHDRAWAL,
        (of.institution, first, of.identity_system, of.derived, astuple(of.order), of.status, of.digest, of.document),
    )


def report_hidden(of: Identity, *, hidden: bool) -> Act:
    """A report that an administrator hid, or showed again. Its name is that under which it comes again."""
    return Act(REPORT_HIDDEN, (of.report_id, hidden, bytes(of.key), of.derived))


def directive(given: Directive, patient: Sequence[bytes], said: Demographics) -> Act:
    """What a patient decided, or took back."""
    identifiers = tuple(each.identifier for each in patient if isinstance(each, PatientToken))
    return Act(DIRECTIVE, (astuple(given), identifiers, astuple(said)))


def certificate(row: CertificateRow) -> Act:
    """A certificate that was issued or revoked."""
    return Act(CERTIFICATE, astuple(row))


def institution(known: Institution) -> Act:
    """An institution as it stands: added, changed, suspended or not any more."""
    return Act(INSTITUTION, astuple(known))


def patient_steps(steps: Iterable[PatientStep]) -> Act:
    """Steps by which an administrator joined or parted records, in the order in which they were kept."""
    return Act(PATIENT_STEPS, tuple(astuple(each) for each in steps))


def rules(outcome: str) -> Act:
    """That rules were imported, scheduled, moved or rolled back. What they say is not told: files hold it."""
    return Act(RULES, (outcome,))


def token_spent(token: EnrollmentToken) -> Act:
    """A token that was exchanged for a certificate: it must not be good again."""
    return Act(ENROLLMENT, astuple(token))
