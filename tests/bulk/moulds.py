"""Documents that were read once, to be poured for any patient of the same sex."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hutong_client.city import City
from hutong_client.city.identity import RESIDENT_NUMBER
from hutong_client.city.model import Institution, MadeReport, Patient
from hutong_client.city.resources import HEALTH_CARD
from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.person import Demographics
from hutong_server.domain.report import RawIdentifier, Report
from hutong_server.domain.rulebook import RuleBook
from hutong_server.fhir.cutting import canonical_texts, digest_of
from hutong_server.fhir.document import read
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.store.base import StoredReport, Tokens
from hutong_server.store.report_body import details_of, facts_of
from hutong_server.usecases.publish_whose import Prepared, prepare

ZONE = datetime.timezone(datetime.timedelta(hours=8))
Slots = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Poured:
    """A text with places for what differs among patients."""

    parts: tuple[str, ...]
    """Texts and, at every odd place, names of slots."""

    @classmethod
    def of(cls, text: str, slots: Slots) -> "Poured":
        """`slots`: name → what stands there in `text`."""
        parts = [text]
        for name, given in slots.items():
            parts = [
                each
                for at, part in enumerate(parts)
                for each in ([part] if at % 2 else _between(part.split(given), name))
            ]
        return cls(tuple(parts))

    def filled(self, slots: Slots) -> str:
        """The text for somebody else."""
        return "".join([slots[part] if at % 2 else part for at, part in enumerate(self.parts)])


def _between(parts: list[str], name: str) -> Iterator[str]:
    yield parts[0]
    for part in parts[1:]:
        yield name
        yield part


@dataclass(frozen=True, slots=True)
class Mould:
    """One report, read and prepared."""

    institution: str
    hospital: bool
    """Whether it writes health cards."""
    record_system: str
    assigner: str
    number: str
    """Report number; the new ones begin as it does."""
    prepared: Prepared
    row: StoredReport
    """Of nobody yet."""
    sent: Poured
    """As it comes from the institution."""
    kept: Poured
    texts: tuple[Poured, ...]
    urls: tuple[Poured, ...]

    def digest(self, slots: Slots) -> bytes:
        """Of the document for these slots, as the intake finds it."""
        return digest_of([each.filled(slots) for each in self.texts], [each.filled(slots) for each in self.urls])


@dataclass(frozen=True, slots=True)
class Person:
    """Whom reports are poured for."""

    patient: Patient

    @property
    def demographics(self) -> Demographics:
        """As documents state them."""
        return Demographics((self.patient.name,), self.patient.birth_date.isoformat(), self.patient.sex)

    def identifiers(self, mould: Mould) -> Iterator[RawIdentifier]:
        """As a document of this institution states them."""
        yield RawIdentifier(RESIDENT_NUMBER, self.patient.resident_number)
        if mould.hospital:
            yield RawIdentifier(HEALTH_CARD, self.patient.health_card)
        yield RawIdentifier(mould.record_system, self.patient.record_number(mould.institution), mould.assigner)

    def slots(self, mould: Mould, number: str) -> Slots:
        """What stands in the document for this person, under a report number."""
        return slots_of(self.patient, mould.institution, number)


def slots_of(patient: Patient, institution: str, number: str) -> Slots:
    """Name of the slot → text. Longer ones first: a name's parts stand within the name."""
    return {
        "family": f'"family":"{patient.name[0]}"',
        "given": f'"given":["{patient.name[1:]}"]',
        "name": f'"text":"{patient.name}"',
        "resident": patient.resident_number,
        "card": patient.health_card,
        "record": f'"{patient.record_number(institution)}"',
        "birth": f'"{patient.birth_date.isoformat()}"',
        "number": number,
    }


def make_moulds(city: City, book: RuleBook, tokens: Tokens, now: int, wanted: int) -> dict[str, list[Mould]]:
    """Sex → moulds, so many in all, of what the first people of the city have had done at institutions in the book."""
    found: dict[str, list[Mould]] = {"male": [], "female": []}
    taken: dict[tuple[str, str, str], int] = {}
    chosen = [each.code for each in city.institutions if each.code in book.institutions]
    for made in city.reports(chosen):
        kind = (made.institution, made.kind, city.patients[made.patient].sex)
        if made.noise or made.reports > 1 or taken.get(kind, 0) >= _EACH:
            continue
        mould = _mould(made, city, book, tokens, now)
        if mould is not None:
            taken[kind] = taken.get(kind, 0) + 1
            found[kind[2]].append(mould)
            if sum(map(len, found.values())) >= wanted:
                break
    return found


_EACH = 2
"""Moulds of one panel of one institution for one sex."""


def _mould(made: MadeReport, city: City, book: RuleBook, tokens: Tokens, now: int) -> Mould | None:
    """None for one that says something else of its patient than others do, so that it may open a record of its own."""
    institution, patient = city.institution(made.institution), city.patients[made.patient]
    if patient.mother is not None:
        return None
    read_as = read_document(made.document, reading=Reading(zone=ZONE, now=now))
    if len(read_as) != 1 or not isinstance(read_as[0], Report) or not read_as[0].identity_value:
        return None
    report = read_as[0]
    caller = Caller(made.institution, Role.FEED, "ab" * 32)
    prepared = prepare(report, caller, now, book, tokens, ProtoWire())
    if not isinstance(prepared, Prepared) or prepared.rows is None or prepared.issues:
        return None
    if prepared.demographics != Person(patient).demographics:
        return None
    return _of(made, report, prepared, institution, patient, now)


def _of(
    made: MadeReport, report: Report, prepared: Prepared, institution: Institution, patient: Patient, now: int
) -> Mould | None:
    assert prepared.rows is not None
    number = report.identity_value
    slots = slots_of(patient, made.institution, number)
    kept = report.document.decode()
    resources = read(kept).entries
    row = row_of(prepared, now)
    told = facts_of(row) + details_of(row) + prepared.rows.images
    if any(text.encode() in told for text in slots.values()):
        return None
    mould = Mould(
        institution=made.institution,
        hospital=institution.tier in ("tertiary", "secondary"),
        record_system=institution.record_numbers,
        assigner=institution.name,
        number=number,
        prepared=prepared,
        row=row,
        sent=Poured.of(made.document.decode(), slots),
        kept=Poured.of(kept, slots),
        texts=tuple(Poured.of(text, slots) for text in canonical_texts(resources)),
        urls=tuple(Poured.of(each.full_url, slots) for each in resources),
    )
    return mould if mould.digest(slots) == report.digest else None


def row_of(prepared: Prepared, now: int) -> StoredReport:
    """The row of a report that is nobody's yet."""
    rows = prepared.rows
    assert rows is not None
    return StoredReport(
        patient_key=bytes(16), report_id=bytes(16), institution=prepared.institution, version=1,
        status=prepared.status, withdrawn=False, disputed=False, effective=rows.effective, issued=rows.issued,
        received=now, specialty=rows.specialty, has_images=rows.has_images, results=rows.results,
        details=rows.details, header=rows.header, categories=rows.categories, codes=rows.codes, parts=rows.parts,
    )  # fmt: skip


def mould_without_document(report: Report, caller: Caller, now: int, book: RuleBook, tokens: Tokens) -> Mould:
    """Of a reading that is to be poured into rows of the index alone. Raises ValueError for one that is refused."""
    prepared = prepare(report, caller, now, book, tokens, ProtoWire())
    if not isinstance(prepared, Prepared):
        raise ValueError("a reading that is refused cannot be poured")
    nothing = Poured(("",))
    return Mould(caller.institution, False, "", "", "", prepared, row_of(prepared, now), nothing, nothing, (), ())
