"""Random rule books and charts for the oracle: a question that has a good answer, then some things gone wrong with it,
among any other rules. Seeded: the same number makes the same questions."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hutong_server.domain.recognition import (
    Alike,
    Dates,
    Dimension,
    Group,
    Institution,
    Leeway,
    Mapping,
    Override,
    OverrideRule,
    OverrideScope,
    Policy,
    QualityGrant,
    QualityOf,
    RecognitionRule,
    RecognizedItem,
    Region,
    RegionSet,
    Specialty,
    Tier,
    TimeBase,
    VocabularyTerm,
)
from hutong_server.domain.report import ResultFacts, Status
from hutong_server.domain.restored import Unresumed
from hutong_server.domain.reuse import ReportFacts, Request

HOUR = 3_600_000
DAY = 24 * HOUR
ZONES = ("Asia/Shanghai", "Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu")
MOMENTS = (  # around switches of daylight saving, the end of a year, and plain days
    datetime(2025, 3, 9, 12, tzinfo=UTC),
    datetime(2025, 3, 30, 12, tzinfo=UTC),
    datetime(2025, 10, 26, 12, tzinfo=UTC),
    datetime(2025, 11, 2, 12, tzinfo=UTC),
    datetime(2025, 12, 31, 20, tzinfo=UTC),
    datetime(2024, 2, 29, 1, tzinfo=UTC),
    datetime(2025, 6, 15, 3, tzinfo=UTC),
)
CODES = ("A", "B", "C", "D", "E")
REGIONS = (
    *("99", "99", "990000", "9904", "990400", "990421", "9905", "990502", "98", "9801", "980102"),
    *("990421003", "990421100000", "990421100201", "990421101001", "310101", "310230", "429004", "429005", "4290"),
)
ALLIANCES = ((), (), ("x",), ("y",), ("x", "y"))
ITEMS = ("K", "GLU", "CT", "US")
LOINC, OID = "http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"
CODINGS = (
    ("local", "1"),
    ("local", "2"),
    (LOINC, "1-8"),
    (OID, "1-8"),
    ("", "Potassium"),
    ("", " ＰＯＴＡＳＳＩＵＭ  "),
)
TERMS = {dimension: tuple(f"{dimension.name[:3]}{n}" for n in range(3)) for dimension in Dimension}
VOCABULARY = tuple(
    VocabularyTerm(dimension, term, codes=(("http://snomed.info/sct", term), ("v", term)), texts=(f"word {term}",))
    for dimension, terms in TERMS.items()
    for term in terms
)
FIELDS = {
    Dimension.SPECIMEN: "specimen",
    Dimension.COLLECTION: "collection",
    Dimension.BODY_PART: "body_site",
    Dimension.LATERALITY: "laterality",
    Dimension.METHOD: "method",
    Dimension.CONTRAST: "method",
}
RANGES = ("national", "99", "990000", "9904", "990421", "98", "990421100", "31", "WIDE", "ALLIED", "MIXED", "NONE")
ITEM_LISTS = (("*",), ("K",), ("GLU", "CT"), ("class:c",), ("laboratory",), ("examination", "K"))


class Questions(NamedTuple):
    """A rule book, in the lists that it is made of, and what is asked of it."""

    source: dict[str, Any]
    chart: list[tuple[ReportFacts, tuple[ResultFacts, ...]]]
    requests: list[Request]


def questions(seed: int) -> Questions:
    """A rule book and a chart."""
    return _Maker(random.Random(seed)).make()  # noqa: S311  tests, not secrets


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self.pick = rng, rng.choice
        self.zone = ZoneInfo(rng.choice(ZONES))
        near = rng.choice(MOMENTS) + timedelta(hours=rng.randint(-30, 30), milliseconds=rng.randint(0, 999))
        if rng.random() < 0.4:  # the edge of a day
            near = datetime.combine(near.astimezone(self.zone).date(), datetime.min.time(), self.zone).astimezone(UTC)
            near += timedelta(milliseconds=rng.choice((-1, 0, 1)))
        self.taken = round(near.timestamp() * 1000)
        self.day = near.astimezone(self.zone).date()

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def some(self, values: Any, most: int) -> tuple[Any, ...]:
        return tuple(self.rng.sample(values, min(len(values), self.rng.randint(0, most))))

    def edge(self) -> str:
        days = self.pick((-40, -8, -7, -1, 0, 0, 1, 7, 8, 40))
        return (self.day + timedelta(days=days)).isoformat()

    def dates(self, open_share: float = 0.5) -> Dates:
        if self.chance(open_share):
            return Dates()
        first, last = sorted((self.edge(), self.edge()))
        return self.pick((Dates(first, last), Dates(first), Dates("", last)))

    def make(self) -> Questions:
        rng = self.rng
        institutions = [self.institution(code) for code in CODES]
        items = [version for code in ITEMS for version in self.versions(code)]
        rng.shuffle(items)
        source: dict[str, Any] = {
            "institutions": institutions,
            "items": items,
            "mappings": [self.mapping() for _ in range(rng.randint(0, 4))],
            "grants": [self.grant() for _ in range(rng.randint(0, 4))],
            "rules": [self.rule(n) for n in range(rng.randint(0, 3))],
            "overrides": self.overrides(),
            "vocabulary": VOCABULARY,
            "region_sets": (
                RegionSet(
                    "WIDE",
                    "wide",
                    "wideHR",
                    self.pick((("98", "9904"), ("990400", "42"), ("99", "98", "31"), ("990421100000",))),
                ),
                RegionSet("ALLIED", "allied", "alliedHR", (), (), ("x",)),
                RegionSet("MIXED", "mixed", "mixedHR", self.pick(((), ("9905",))), ("B", "C"), ("y",)),
            ),
            "policy": Policy(
                time_zone=str(self.zone.key),
                regions=(Region("99", "p", "pHR"),),
                overrides=OverrideRule(*(self.pick(list(Leeway)) for _ in range(3))),
            ),
        }
        # Last, so that seeds of before still make the same rules.
        lost = random.Random(f"{source['rules']}{source['grants']}")  # noqa: S311  not for keys
        few = frozenset(lost.sample(CODES, 2)) if lost.random() < 0.15 else frozenset()
        source["unresumed"] = Unresumed(lost.random() < 0.01, few)
        asker = self.pick((*CODES, *CODES, "?"))
        chart: list[tuple[ReportFacts, tuple[ResultFacts, ...]]] = []
        for number in range(rng.randint(1, 3)):
            report, results = self.good(source, asker, number)
            results = [self.spoiled(result) for result in results]
            chart.append((self.spoiled_report(report), tuple(results)))
        if self.chance(0.4):
            chart.append(self.again(chart[0], len(chart)))
        for kind in ("mappings", "grants", "rules"):
            rng.shuffle(source[kind])
        requests = [Request(asker, self.now(source, chart), self.decided()) for _ in range(2)]
        if self.chance(0.1):
            requests.append(requests[0]._replace(institution=self.pick(CODES)))
        return Questions(source, chart, requests)

    # Rules.

    def institution(self, code: str) -> Institution:
        since = None
        if self.chance(0.12):
            since = self.taken + self.pick((-DAY, -1, 0, 1, DAY, 90 * DAY))
        return Institution(
            code, code, self.pick(list(Tier)), self.pick(REGIONS), self.pick(ALLIANCES), quality_suspended_since=since
        )

    def versions(self, code: str) -> list[RecognizedItem]:
        """One version, or two with a change between them, near the day of the test."""
        if self.chance(0.75):
            spans = [self.dates(0.85)]
        else:
            change = date.fromisoformat(self.edge())
            gap = self.pick((1, 1, 3))
            spans = [Dates("", (change - timedelta(days=gap)).isoformat()), Dates(change.isoformat())]
        return [self.item(code, span) for span in spans]

    def item(self, code: str, span: Dates) -> RecognizedItem:
        named = self.some(list(Dimension), 3) if self.chance(0.6) else ()
        return RecognizedItem(
            code,
            code,
            code,
            Specialty.EXAMINATION if code in ("CT", "US") else Specialty.LABORATORY,
            self.pick(("c", "d")),
            self.pick((0, 1, 7, 7, 7, 15, 15, 30, 30)),
            self.pick((TimeBase.EFFECTIVE, TimeBase.EFFECTIVE, TimeBase.ISSUED)),
            self.chance(0.25),
            self.chance(0.92),
            tuple((name, tuple(self.rng.sample(TERMS[name], self.rng.randint(1, 2)))) for name in named),
            span,
        )

    def mapping(self) -> Mapping:
        system, code = self.pick(CODINGS)
        narrowed = self.some(list(Dimension), 2) if self.chance(0.4) else ()
        return Mapping(
            self.pick((*CODES, "*")) if system else self.pick(CODES),
            system,
            code,
            self.pick((*ITEMS, *ITEMS, "GONE")),
            tuple((name, self.pick(TERMS[name])) for name in narrowed),
            self.dates(0.7),
        )

    def grant(self, institution: str = "") -> QualityGrant:
        reach = self.pick(RANGES)
        return QualityGrant(
            institution or self.pick(CODES), self.pick(ITEM_LISTS), reach, f"{reach}HR", dates=self.dates(0.6)
        )

    def group(self) -> Group:
        if self.chance(0.4):
            return Group()
        return Group(
            self.some(list(Tier), 4) if self.chance(0.4) else (),
            self.some(REGIONS, 2) if self.chance(0.4) else (),
            self.pick(((), (), ("x",), ("x", "y"))),
            self.some(CODES, 4) if self.chance(0.3) else (),
            self.pick(((), (), ("WIDE",), ("MIXED", "ALLIED"), ("GONE",))),
        )

    def rule(self, number: int) -> RecognitionRule:
        return RecognitionRule(
            f"R{number}",
            self.group(),
            self.group(),
            self.pick(ITEM_LISTS),
            self.group() if self.chance(0.3) else None,
            self.some(list(Alike), 2) if self.chance(0.4) else (),
            self.pick(list(QualityOf)),
            self.dates(0.7),
        )

    def overrides(self) -> list[Override]:
        """At most one for each scope, target and item, as the catalogue holds them."""
        found: dict[tuple[Any, ...], Override] = {}
        items = self.some(ITEMS, 2) or ITEMS
        for _ in range(self.rng.randint(0, 6) if self.chance(0.4) else 0):
            scope = self.pick((OverrideScope.REGION, *OverrideScope))
            targets = {OverrideScope.REGION: ("99", "9904", "990421"), OverrideScope.ALLIANCE: ("x", "y")}
            override = Override(
                scope,
                self.pick(targets.get(scope, CODES)),
                self.pick(items),
                self.pick((None, 0, 3, 7, 40)),
                self.pick((None, None, *TimeBase)),
                self.pick((None, None, True, False)),
                self.pick((None, None, True, False)),
                self.dates(0.6),
            )
            found[override.scope, override.target, override.item] = override
        return list(found.values())

    # A chart.

    def good(self, source: dict[str, Any], asker: str, number: int) -> tuple[ReportFacts, list[ResultFacts]]:
        """A report with results of which nothing is wrong, and the rules that say so."""
        rng = self.rng
        issuer = self.pick([code for code in CODES if code != asker])
        performer = self.pick((issuer, issuer, issuer, self.pick(CODES)))
        reader = self.pick(("", "", *CODES))
        taken = self.taken if number == 0 else self.taken + self.pick((-3, -1, 0, 0, 1, 3)) * self.pick((DAY, HOUR, 1))
        issued = taken + self.pick((0, 1, HOUR, 3 * DAY))
        quality = self.pick(list(QualityOf)) if reader else QualityOf.PERFORMER
        if self.chance(0.85):
            alike = self.some(list(Alike), 2) if self.chance(0.3) else ()
            source["rules"].append(RecognitionRule(f"G{number}", Group(), Group(), alike=alike, quality_of=quality))
        if self.chance(0.92):
            bearer = performer if quality is QualityOf.PERFORMER else reader
            reach = self.pick(("national", "national", "99", "98", "WIDE", "ALLIED", "MIXED"))
            source["grants"].append(QualityGrant(bearer, ("*",), reach, f"{reach}HR"))
        results = []
        for ordinal in range(rng.randint(1, 3)):
            item = self.pick(source["items"])
            # Codes of its own, mostly; shared ones lead to several items.
            own = ("local", item.code), (LOINC, f"{item.code}-1"), ("", f"name of {item.code}")
            system, code = self.pick((*own, *own, self.pick(CODINGS)))
            words = tuple((name, self.pick(terms)) for name, terms in item.terms)
            if self.chance(0.95):
                owner = self.pick((performer, performer, "*")) if system else performer
                narrowed = words[: self.pick((1, 2))] if self.chance(0.3) else ()
                source["mappings"].append(Mapping(owner, system, code, item.code, narrowed))
            result = ResultFacts(
                ordinal=ordinal,
                status="final",
                flags=1 | 32,
                time=taken,
                time_source=self.pick((1, 1, 2, 3)),
                issued=self.pick((issued, issued, None)),
                codes=((system, code),),
                performer=performer,
                reader=reader,
            )
            said: dict[str, tuple[Any, ...]] = {}
            for name, word in words:
                spoken = self.pick((("v", word), ("urn:oid:2.16.840.1.113883.6.96", word), ("", f"Word  {word} ")))
                said[FIELDS[name]] = (*said.get(FIELDS[name], ()), spoken)
            results.append(result._replace(**said))
        report = ReportFacts(bytes([number]), issuer, "final", issued=self.pick((issued, issued, None)))
        return report, results

    def again(
        self, known: tuple[ReportFacts, tuple[ResultFacts, ...]], number: int
    ) -> tuple[ReportFacts, tuple[ResultFacts, ...]]:
        """The same report once more, alike in all but its times: a little earlier or later, or over some edge."""
        report, results = known
        shift = self.pick((-1, 1)) * self.pick((0, 1, 2, HOUR, DAY, 2 * DAY, 8 * DAY))
        moved = tuple(
            each._replace(
                time=None if each.time is None else each.time + shift,
                issued=None if each.issued is None else each.issued + shift,
            )
            for each in results
        )
        return report._replace(report_id=bytes([number])), moved

    def spoiled(self, result: ResultFacts) -> ResultFacts:
        """A result with what goes wrong in real feeds."""
        words = self.pick([*(("v", term) for terms in TERMS.values() for term in terms), ("v", "?"), ("", "word SPE0")])
        field = self.pick(sorted(set(FIELDS.values())))
        wrongs: tuple[dict[str, Any], ...] = (
            {"status": self.pick([*Status, ""])},
            {"flags": self.rng.randint(0, 127)},
            {"flags": result.flags ^ self.pick((1, 2, 4, 8, 16, 32, 64))},
            {"flags": result.flags ^ self.pick((1, 32))},
            {"time": None, "time_source": 0},
            {"time": None, "time_source": 0, "issued": None},
            {"time": result.issued, "time_source": 4 if result.issued is not None else 0},
            {"issued": (result.time or self.taken) + self.pick((-DAY, 0, 40 * DAY))},
            {"codes": (*result.codes, self.pick(CODINGS))},
            {"codes": self.pick(((), (("local", "?"),), (self.pick(CODINGS),)))},
            {field: (*getattr(result, field), words)},
            {field: ()},
            {field: (words,)},
            {"performer": self.pick(("", *CODES))},
            {"reader": self.pick(("", *CODES))},
        )
        for _ in range(self.pick((0, 0, 0, 0, 1, 1, 1, 2, 3))):
            result = result._replace(**self.pick(wrongs))
        return result if result.time is not None else result._replace(time_source=0)

    def spoiled_report(self, report: ReportFacts) -> ReportFacts:
        wrongs: tuple[dict[str, Any], ...] = (
            {"status": self.pick([*Status, ""])},
            {"withdrawn": True},
            {"superseded": True},
            {"disputed": True},
            {"in_doubt": True},
            {"decided": True},
            {"issued": None},
            {"issuer": self.pick((*CODES, "?"))},
        )
        return report._replace(**self.pick(wrongs)) if self.chance(0.15) else report

    def decided(self) -> frozenset[str]:
        return frozenset(self.some(ITEMS, 2)) if self.chance(0.1) else frozenset()

    def now(self, source: dict[str, Any], chart: list[tuple[ReportFacts, tuple[ResultFacts, ...]]]) -> int:
        """Within a window, mostly, and often at its very edges."""
        report, results = self.pick(chart)
        result = self.pick(results)
        issued = result.issued if result.issued is not None else report.issued
        bases = [each for each in (result.time, result.time, issued, self.taken) if each is not None]
        meant = [item.window_days for item in source["items"] if any(item.code in code for _, code in result.codes)]
        window = self.pick(meant or [7]) * DAY
        later = (
            0,
            1,
            HOUR,
            DAY,
            window // 2,
            window // 3,
            window - HOUR,
            window,
            window,
            window + 1,
            -1,
            window + HOUR,
        )
        return int(self.pick(bases) + self.pick(later))
