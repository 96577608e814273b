"""What is unmapped: counted beside publishing, told to administrators."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hutong_server.domain.mapping import ANY, code_key
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.unmapped import LONGEST, PATIENTS, UnmappedResult
from hutong_server.store.base import LateReader, Tokens, Writer
from hutong_server.store.base_unmapped import UnmappedRow

LOCK = b"unmapped"
MAX_CODES = 20_000
"""Codes kept of one institution. What comes beyond them counts among those of which nothing is told."""


@dataclass(slots=True)
class SeenCode:
    """A code that led nowhere, in one stretch of time."""

    count: int = 0
    display: str = ""
    first: Instant = 0
    last: Instant = 0
    rules_version: int = 0
    patients: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """What was published in one stretch of time."""

    codes: dict[tuple[str, str, str], SeenCode] = field(default_factory=dict)
    """By (institution, system, code)."""
    results: dict[str, int] = field(default_factory=dict)
    """By institution: mapped and unmapped."""
    intake: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Reports by (institution, day, kind); see domain/intake.py."""

    def add(
        self,
        counts: Mapping[str, int],
        unmapped: Iterable[UnmappedResult],
        patient: bytes,
        now: Instant,
        rules_version: int,
    ) -> None:
        """Counts one report: results by institution, and those that are unmapped. `patient`: empty when in doubt."""
        for institution, count in counts.items():
            self.results[institution] = self.results.get(institution, 0) + count
        for institution, system, code, display in unmapped:
            seen = self.codes.setdefault((institution, system, code), SeenCode(first=now))
            seen.count += 1
            seen.last, seen.rules_version = max(seen.last, now), max(seen.rules_version, rules_version)
            seen.display = display or seen.display
            if patient and len(seen.patients) < PATIENTS:
                seen.patients.add(hashlib.sha256(b"unmapped" + patient).digest()[:6])

    def take_in(self, institution: str, day: str, kinds: Iterable[str]) -> None:
        """Counts one report of an institution under these kinds."""
        for kind in kinds:
            self.intake[institution, day, kind] = self.intake.get((institution, day, kind), 0) + 1

    def merge(self, other: "Tally") -> None:
        """Counts what another tally has counted."""
        for place, reports in other.intake.items():
            self.intake[place] = self.intake.get(place, 0) + reports
        for institution, count in other.results.items():
            self.results[institution] = self.results.get(institution, 0) + count
        for key, theirs in other.codes.items():
            ours = self.codes.setdefault(key, SeenCode(first=theirs.first))
            ours.count += theirs.count
            ours.first, ours.last = min(ours.first, theirs.first), max(ours.last, theirs.last)
            ours.rules_version = max(ours.rules_version, theirs.rules_version)
            ours.display = ours.display or theirs.display
            ours.patients |= theirs.patients

    def __bool__(self) -> bool:
        return bool(self.results or self.intake)


def keep_tally(tally: Tally, tokens: Tokens) -> Callable[[Writer], None]:
    """The write job that adds a tally to what was counted before."""

    def job(writer: Writer) -> None:
        writer.lock([LOCK])
        keyed = {key_of(tokens, *code): (code, seen) for code, seen in tally.codes.items()}
        known = {row.code_key: row for row in writer.unmapped_rows(sorted(keyed))}
        room = {
            institution: MAX_CODES - writer.unmapped_count(institution)
            for institution in {code[0] for key, (code, _) in keyed.items() if key not in known}
        }
        rows: dict[bytes, UnmappedRow] = {}
        for key, ((institution, system, code), seen) in sorted(keyed.items()):
            if key not in known and code:
                room[institution] -= 1
                if room[institution] < 0:
                    system = code = ""
                    key = key_of(tokens, institution, "", "")
            row = rows.get(key) or known.get(key) or next(iter(writer.unmapped_rows([key])), None)
            rows[key] = _added(row, key, institution, system, code, seen)
        writer.put_unmapped(list(rows.values()))
        for institution, count in sorted(tally.results.items()):
            writer.add_results_seen(institution, count)
        writer.add_intake(tally.intake)

    return job


def key_of(tokens: Tokens, institution: str, system: str, code: str) -> bytes:
    """The key of a code's row: the same for texts that are compared as equal."""
    return tokens.digest("unmapped", institution, *code_key(system, code[:LONGEST]))[:16]


def _added(
    row: UnmappedRow | None, key: bytes, institution: str, system: str, code: str, seen: SeenCode
) -> UnmappedRow:
    if row is None:
        row = UnmappedRow(key, institution, 0, seen.first, seen.last, 0, system, code if system else "", "", ())
    patients = (*row.patients, *sorted(seen.patients - set(row.patients)))[:PATIENTS]
    several = len(patients) >= PATIENTS
    return replace(
        row,
        occurrences=row.occurrences + seen.count,
        first_seen=min(row.first_seen, seen.first),
        last_seen=max(row.last_seen, seen.last),
        rules_version=max(row.rules_version, seen.rules_version),
        code=code if several and code else row.code,
        display=seen.display if several and seen.display else row.display,
        patients=patients,
    )


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What is unmapped now."""

    codes: tuple[UnmappedRow, ...]
    """The most frequent first."""
    per_mille: dict[str, int]
    """By institution: the share of all results that are unmapped."""


def list_unmapped(reader: LateReader, book: RuleBook, tokens: Tokens, institution: str = "") -> Unmapped:
    """All that is unmapped under the rules in force, of one institution or of all."""
    rows = [row for row in reader.unmapped_codes(institution) if not _mapped_by_now(row, book)]
    if any(not row.code for row in rows):
        texts = {
            key_of(tokens, whose, system, code) for whose, system, code in book.mappings if not system and whose != ANY
        }
        rows = [row for row in rows if row.code or row.code_key not in texts or row.rules_version >= book.version]
    rows = _one_each(rows)
    results = reader.results_seen()
    unmapped: dict[str, int] = {}
    for row in rows:
        unmapped[row.institution] = unmapped.get(row.institution, 0) + row.occurrences
    return Unmapped(
        codes=tuple(sorted((row for row in rows if row.code), key=lambda row: (-row.occurrences, row.code_key))),
        per_mille={
            code: min(1000, round(1000 * unmapped.get(code, 0) / count))
            for code, count in results.items()
            if count and institution in ("", code)
        },
    )


def _one_each(rows: Iterable[UnmappedRow]) -> list[UnmappedRow]:
    """Adds up what stands under two keys: a code seen before and after the keys of digests were exchanged."""
    found: dict[tuple[str, ...], UnmappedRow] = {}
    for row in rows:
        # What is not told stands for itself.
        whose = (row.institution, *code_key(row.system, row.code)) if row.code else (row.code_key.hex(),)
        known = found.get(whose)
        if known is None:
            found[whose] = row
            continue
        found[whose] = replace(
            known,
            occurrences=known.occurrences + row.occurrences,
            first_seen=min(known.first_seen, row.first_seen),
            last_seen=max(known.last_seen, row.last_seen),
            display=known.display or row.display,
        )
    return list(found.values())


def _mapped_by_now(row: UnmappedRow, book: RuleBook) -> bool:
    """Whether a mapping names the code that did not when it was last seen: one that did led it nowhere all the same."""
    if not row.code or row.rules_version >= book.version:
        return False
    key = code_key(row.system, row.code)
    return any((whose, *key) in book.mappings for whose in (row.institution, ANY))
