"""A patient's question: who has seen my results? The question itself is put on record like every other."""

from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Leaf, LeafPlace, Reader, Tokens, Writer
from hutong_server.usecases.asking import Outcome, PatientQuery, find, tokens_of


@dataclass(frozen=True, slots=True)
class ListAccesses:
    """The question."""

    patient: PatientQuery
    caller: Caller
    since: Instant
    before: LeafPlace
    """Only what comes before this."""
    page_size: int
    purpose: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Accesses:
    """A page, newest first."""

    leaves: tuple[Leaf, ...]
    more: bool
    record: AccessRecord

    def keep(self, writer: Writer) -> None:
        """The write job: the access record."""
        writer.record(self.record)


def list_accesses(ask: ListAccesses, reader: Reader, book: RuleBook, tokens: Tokens, now: Instant) -> Accesses:
    """Lists what is on record under the keys of the one person with whom everything agrees; publishes are left out.

    Somebody who is unknown, or about whom there is doubt, is answered like one of whom nothing is on record. Raises
    HutongError as open_chart does.
    """
    patient = tokens_of(ask.patient, ask.caller.institution, book, tokens)
    found = find(reader, patient, ask.patient.demographics, book, tokens)
    leaves = reader.accesses(found.keys, ask.since, ask.before, ask.page_size + 1)
    page = tuple(leaves[: ask.page_size])
    return Accesses(
        leaves=page,
        more=len(leaves) > len(page),
        record=AccessRecord(
            at=now,
            method="ListAccesses",
            institution=ask.caller.institution,
            role=ask.caller.role.value,
            certificate=ask.caller.certificate,
            request_id=ask.request_id,
            outcome=(Outcome.FOUND if page else Outcome.NONE).value,
            purpose=ask.purpose,
            patient_keys=found.keys,
        ),
    )
