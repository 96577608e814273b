"""Trains the dictionaries that payloads are packed with (store/compact.py) on made reports of the made city.

    .venv/bin/python deploy/dev/train_dictionary.py NUMBER

Writes server/hutong_server/store/dictionaries/NUMBER.*; CURRENT in compact.py says which are packed with. A number
that was ever packed with is never trained again: what stands in databases opens with the files of its number alone, and
SHA256 in compact.py holds them to what they were.
"""

import argparse
import dataclasses
import datetime
import hashlib
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import zstandard
from hutong_client.city import City
from hutong_client.city.model import MadeReport, Patient
from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.report import Report, called, called_in
from hutong_server.fhir.intake import Reading, read_document
from hutong_server.store import compact
from hutong_server.store.base import AccessRecord, RecordedReport, StoredReport
from hutong_server.store.leaves import leaf_of
from hutong_server.store.report_body import details_of, facts_of

_OUT = Path(compact.__file__).parent / "dictionaries"
_CITIES = ((23, range(50_000, 50_500)), (1009, range(25)))
"""(seed, people): mostly the institutions that benchmarks publish for, though never the people; and others."""
_LARGE = 20_000
_SIZES = {
    compact.DOCUMENT: (786_432, 8192),
    compact.FACTS: (131_072, 1024),
    compact.DETAILS: (262_144, 2048),
    compact.LEAF: (8_192, 256),
}
"""Bytes of each dictionary, and of the pieces that it is put together from."""


class _Some(Sequence[Patient]):
    """People of a city from one on; whoever is referred to beside them is somebody."""

    def __init__(self, everybody: Sequence[Patient], some: range) -> None:
        self._everybody, self._some = everybody, some

    def __getitem__(self, index: Any) -> Any:
        return self._everybody[self._some[index] if index < len(self._some) else index]

    def __len__(self) -> int:
        return len(self._some)


def _documents() -> Iterator[MadeReport]:
    """The large laboratory reports of each city, and a part of everything else."""
    for seed, people in _CITIES:
        reference = datetime.datetime(2026, 3, 1 + seed % 20, 12, tzinfo=datetime.UTC)
        rng = random.Random(seed)  # noqa: S311  which reports are taken, no secret
        city = City.make(seed, reference, people.stop, days=365, scale="town")
        some = dataclasses.replace(city, patients=_Some(city.patients, people))
        for made in some.reports():
            if not made.noise and (len(made.document) > _LARGE or rng.random() < 0.05):
                yield made


def _row(report: Report, institution: str, rng: random.Random) -> StoredReport:
    wire = ProtoWire()
    return StoredReport(
        patient_key=b"",
        report_id=rng.randbytes(16),
        institution=institution,
        version=1,
        status=report.status.value,
        withdrawn=False,
        disputed=False,
        effective=report.effective,
        issued=report.issued,
        received=(report.issued or 0) + rng.randrange(600_000),
        specialty=report.specialty,
        has_images=any(image.address and image.series for image in report.images),
        results=[result.facts._replace(performer=institution) for result in report.results],
        details=tuple(wire.detail(result.detail) for result in report.results),
        header=wire.header(report),
        categories=tuple(coding.code for concept in report.categories for coding in concept.coding if coding.code),
        codes=called((report.code,)),
        parts=tuple(
            tuple(
                key
                for key in (result.called if isinstance(result.detail, bytes) else called_in(result.detail))
                if key not in result.facts.codes
            )
            for result in report.results
        ),
    )


def _leaf(row: StoredReport, digest: bytes, rng: random.Random) -> bytes:
    return leaf_of(
        AccessRecord(
            at=row.received,
            method="PublishReport",
            institution=row.institution,
            role="feed",
            certificate=hashlib.sha256(row.institution.encode()).hexdigest(),
            request_id=rng.randbytes(16).hex(),
            outcome="accepted",
            patient_keys=(rng.randbytes(16),),
            reports=(row.report_id,),
            contents=(RecordedReport(row.report_id, 1, ("accepted",), digest),),
        )
    )


def _samples() -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {kind: [] for kind in compact.KINDS}
    rng = random.Random(1)  # noqa: S311  stands for ids that compress as little as these
    reading = Reading(zone=datetime.timezone(datetime.timedelta(hours=8)), now=2_000_000_000_000)
    for made in _documents():
        for report in read_document(made.document, reading=reading):
            if isinstance(report, Report):
                row = _row(report, made.institution, rng)
                found[compact.DOCUMENT].append(compact.folded(report.document)[1])
                found[compact.FACTS].append(facts_of(row))
                found[compact.DETAILS].append(details_of(row))
                found[compact.LEAF].append(compact.folded(_leaf(row, report.digest, rng))[1])
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Trains the dictionaries of store/compact.py on made reports.")
    parser.add_argument("number", type=int, help=f"1 to {compact.LAST}, one that was never packed with")
    number = parser.parse_args().number
    if not 0 < number <= compact.LAST or list(_OUT.glob(f"{number}.*")):
        sys.exit(f"{number} is taken, or not a number from 1 to {compact.LAST}")
    _OUT.mkdir(exist_ok=True)
    for kind, samples in _samples().items():
        size, piece = _SIZES[kind]
        made = zstandard.train_dictionary(size, samples, k=piece, d=8, f=20, accel=1, level=compact.LEVEL)
        (_OUT / f"{number}.{kind}").write_bytes(made.as_bytes())
        digest = hashlib.sha256(made.as_bytes()).hexdigest()
        print(f"{kind}: {len(samples)} samples, {len(made.as_bytes())} bytes, {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
