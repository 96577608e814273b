"""What a verdict and a prompt must be, worked out slowly and in the order in which docs/rules.md tells it.

Written from docs/rules.md and the comments of the contract, not from the code that it is compared with: nothing of
domain/{reuse,results,standing,mapping,prompt,overrides,days} is used, only the values that state rules and reports.
Nothing is indexed or remembered; every question walks through the lists of the catalogue.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

FINAL = ("final", "amended", "corrected", "appended")
# fmt: off
ORDER = (
    "PATIENT_IN_DOUBT", "OTHER_SUBJECT", "WITHDRAWN", "SUPERSEDED", "IDENTITY_DISPUTED", "FEED_NOT_RESUMED",
    "UNREADABLE", "NOT_FINAL",
    "NO_VALUE", "OWN_INSTITUTION", "ALREADY_DECIDED", "UNMAPPED_CODE", "NOT_RECOGNIZED_ITEM", "SPECIMEN_DIFFERS",
    "BODY_PART_OR_METHOD_DIFFERS", "TIME_UNKNOWN", "OUTSIDE_WINDOW", "IMAGES_MISSING", "DIRECTION_NOT_RECOGNIZED",
    "NO_QUALITY_GRANT", "OUT_OF_RANGE_OF_MARK",
)
# fmt: on
HAS_VALUE, UNREADABLE, OTHER_SUBJECT, MODIFIER, IMAGES, FOREIGN_FOCUS = 1, 2, 4, 8, 32, 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(NamedTuple):
    """What the oracle says of a result."""

    item: str
    """Code; "" when its codes lead to no item of the catalogue."""
    reusable: bool
    until: int | None
    mark: str
    reasons: tuple[str, ...]


def verdict(result: Any, report: Any, request: Any, source: dict[str, Any]) -> Verdict:
    """The verdict on one result. `source`: the lists that a RuleBook is made of."""
    return _Question(result, report, request, source).answer()


def lines(reports: Any, verdicts: dict[Any, Verdict], source: dict[str, Any]) -> list[tuple[str, Any, list[Any]]]:
    """Of each item the latest result that may be reused, and all newer ones that may not, newest first.

    A result is (report id, ordinal); `verdicts` are those on each of them. Laboratory items come first, then by code. A
    result of unknown time counts as newer than all others; of two of one moment the one that was issued later is the
    newer.
    """
    of_item: dict[str, list[tuple[tuple[float, float], Any, bool]]] = {}
    for report, results in reports:
        for result in results:
            place = (report.report_id, result.ordinal)
            said = verdicts[place]
            if said.item:
                issued = result.issued if result.issued is not None else report.issued
                age = (float("inf") if result.time is None else result.time, issued or 0)
                of_item.setdefault(said.item, []).append((age, place, said.reusable))
    found = []
    for code, group in of_item.items():
        newest = max((age for age, _, reusable in group if reusable), default=None)
        if newest is not None:
            best = next(place for age, place, reusable in group if reusable and age == newest)
            newer = sorted((-age[0], -age[1], n) for n, (age, _, reusable) in enumerate(group) if age > newest)
            found.append((code, best, [group[n][1] for _, _, n in newer if not group[n][2]]))
    laboratory = {item.code for item in source["items"] if item.specialty == "laboratory"}
    return sorted(found, key=lambda line: (line[0] not in laboratory, line[0]))


class _Question:
    def __init__(self, result: Any, report: Any, request: Any, source: dict[str, Any]) -> None:
        self.result, self.report, self.request, self.source = result, report, request, source
        self.zone = ZoneInfo(source["policy"].time_zone)
        self.institutions = {each.code: each for each in source["institutions"]}
        self.reasons: set[str] = set()
        # The times: of issue, the result's own before the report's; of the test, with issue standing in for it.
        self.issued = result.issued if result.issued is not None else report.issued
        self.taken = result.time if result.time_source != 0 else None
        self.tested = self.taken if self.taken is not None else self.issued
        # Without any time it is a day on which everything without an end is in effect.
        self.test_day = "9999-12-31" if self.tested is None else self.day(self.tested)
        self.today = self.day(request.now)

    def day(self, instant: int) -> str:
        return str((EPOCH + timedelta(milliseconds=instant)).astimezone(self.zone).date())

    def answer(self) -> Verdict:
        result, report, request = self.result, self.report, self.request
        add = self.reasons.add
        # Whose it is.
        if report.in_doubt:
            add("PATIENT_IN_DOUBT")
        if result.flags & OTHER_SUBJECT or result.flags & FOREIGN_FOCUS:
            add("OTHER_SUBJECT")
        # What became of it.
        statuses = (result.status, report.status)
        if report.withdrawn or "cancelled" in statuses or "entered-in-error" in statuses:
            add("WITHDRAWN")
        if report.superseded:
            add("SUPERSEDED")
        if report.disputed:
            add("IDENTITY_DISPUTED")
        if source_lost(self.source, report.issuer):
            add("FEED_NOT_RESUMED")
        if result.flags & UNREADABLE or result.flags & MODIFIER:
            add("UNREADABLE")
        if result.status not in FINAL or report.status not in (*FINAL, "partial"):
            add("NOT_FINAL")
        if not result.flags & HAS_VALUE:
            add("NO_VALUE")
        # Who asks.
        own = request.institution in (report.issuer, result.performer)
        if own:
            add("OWN_INSTITUTION")
        if report.decided:
            add("ALREADY_DECIDED")
        # What it is.
        code = self.item_code()
        if code is None:
            add("UNMAPPED_CODE")
        elif not self.versions(code):
            add("NOT_RECOGNIZED_ITEM")
        if code is None or not self.versions(code):
            if self.tested is not None and self.tested > request.now:
                add("OUTSIDE_WINDOW")
            return self.told("", None, "")
        in_effect, item = self.version(code)
        window, images, recognized, base = self.as_received(item)
        if not (in_effect and recognized):
            add("NOT_RECOGNIZED_ITEM")
        if code in request.decided:
            add("ALREADY_DECIDED")
        for dimension in self.differing(item):
            specimen = dimension in ("specimen", "collection")
            add("SPECIMEN_DIFFERS" if specimen else "BODY_PART_OR_METHOD_DIFFERS")
        # How old it is.
        until = self.until(window, base)
        # Its images.
        if images and not result.flags & IMAGES:
            add("IMAGES_MISSING")
        # Who relies on whom: not asked of one's own.
        mark = "" if own else self.mark(item)
        return self.told(code, until, mark)

    def told(self, code: str, until: int | None, mark: str) -> Verdict:
        reasons = tuple(reason for reason in ORDER if reason in self.reasons)
        return Verdict(code, not reasons, until if not reasons else None, mark if not reasons else "", reasons)

    # Which item.

    def item_code(self) -> str | None:
        """The item that the codes lead to, whether the catalogue has it or not; None when to none or to several."""
        performer = self.result.performer or self.report.issuer
        for institution in (performer, "*"):
            if institution:
                leads = {code for coding in self.result.codes for code in self.leads(institution, coding)}
                if leads:
                    return leads.pop() if len(leads) == 1 else None
        return None

    def leads(self, institution: str, coding: Any) -> set[str]:
        """Where one code leads under the mappings of one institution."""
        holding = [
            mapping
            for mapping in self.source["mappings"]
            if mapping.institution == institution
            and same_code((mapping.system, mapping.code), coding)
            and within(self.test_day, mapping.dates)
            and all(self.stated(dimension) == {term} for dimension, term in mapping.terms)
        ]
        if not holding:
            return set()
        narrowest = max(len(mapping.terms) for mapping in holding)
        codes = {mapping.item for mapping in holding if len(mapping.terms) == narrowest}
        if len(codes) > 1:
            there = {code for code in codes if any(within(self.test_day, v.dates) for v in self.versions(code))}
            codes = there or codes
        if len(codes) > 1:
            fitting = {c for c in codes if not self.versions(c) or not self.differing(self.version(c)[1])}
            codes = fitting if len(fitting) == 1 else codes
        return codes

    def versions(self, code: str) -> list[Any]:
        return [item for item in self.source["items"] if item.code == code]

    def version(self, code: str) -> tuple[bool, Any]:
        """Whether the item is in effect on the day of the test, and as it stands then, else as it stood last."""
        known = self.versions(code)
        for item in known:
            if within(self.test_day, item.dates):
                return True, item
        return False, max(known, key=lambda item: item.dates.valid_from)

    def as_received(self, item: Any) -> tuple[int, bool, bool, str]:
        """Window, images, recognised and time base, as the receiver's region, alliances and itself have changed them:
        the narrower after the wider; one that may only be stricter changes nothing to the less strict."""
        window, images, recognized, base = item.window_days, item.needs_images, item.recognized, item.time_base
        to = self.institutions.get(self.request.institution)
        reaching = []
        for override in self.source["overrides"] if to is not None else ():
            if override.item != item.code or not within(self.today, override.dates):
                continue
            if override.scope == "region" and lies_in(to.region, override.target):
                reaching.append((0, len(pairs(override.target)), "", override))
            if override.scope == "alliance" and override.target in to.alliances:
                reaching.append((1, 0, override.target, override))
            if override.scope == "institution" and override.target == to.code:
                reaching.append((2, 0, "", override))
        for _, _, _, override in sorted(reaching, key=lambda each: each[:3]):
            leeway = getattr(self.source["policy"].overrides, override.scope.value)
            if leeway == "everything":
                window = window if override.window_days is None else override.window_days
                images = images if override.needs_images is None else override.needs_images
                recognized = recognized if override.recognized is None else override.recognized
                base = base if override.time_base is None else override.time_base
            if leeway == "stricter":
                window = min(window, override.window_days) if override.window_days is not None else window
                images = images or bool(override.needs_images)
                recognized = recognized and override.recognized is not False
        return window, images, recognized, base

    # Is it comparable.

    def stated(self, dimension: Any) -> set[str]:
        result = self.result
        said = {
            "specimen": result.specimen,
            "collection": result.collection,
            "body_part": result.body_site,
            "laterality": (*result.laterality, *result.body_site),
            "method": result.method,
            "contrast": result.method,
        }[dimension]
        return {
            term.term
            for term in self.source["vocabulary"]
            if term.dimension == dimension
            for word in said
            if any(same_code(known, word) for known in (*term.codes, *(("", text) for text in term.texts)))
        }

    def differing(self, item: Any) -> list[str]:
        """Dimensions that the item names, of which the result states none of its terms, or others beside them."""
        found = []
        for dimension, terms in item.terms:
            stated = self.stated(dimension)
            if not stated or any(term not in terms for term in stated):
                found.append(dimension)
        return found

    # When.

    def until(self, window: int, base: str) -> int | None:
        now = self.request.now
        if self.tested is not None and self.tested > now:
            self.reasons.add("OUTSIDE_WINDOW")
        start = self.issued if base == "issued" else self.taken if self.result.time_source != 4 else None
        if start is None:
            self.reasons.add("TIME_UNKNOWN")
            return None
        end = start + window * 24 * 60 * 60 * 1000
        if window == 0 or now < start or now > end:
            self.reasons.add("OUTSIDE_WINDOW")
        return end

    # Who relies on whom.

    def mark(self, item: Any) -> str:
        rules = [rule for rule in self.source["rules"] if self.allows(rule, item)]
        if not rules:
            self.reasons.add("DIRECTION_NOT_RECOGNIZED")
        # Whose quality counts is what the rules say; where there is none, the performer's is told all the same.
        bearers = {rule.quality_of for rule in rules} or {"performer"}
        names = {self.result.performer if bearer == "performer" else self.result.reader for bearer in bearers}
        grants = [
            grant
            for grant in self.source["grants"]
            if grant.institution in names
            and not self.suspended(grant.institution)
            and about(grant.items, item)
            and within(self.test_day, grant.dates)
        ]
        if not grants:
            self.reasons.add("NO_QUALITY_GRANT")
            return ""
        covering = [grant for grant in grants if self.reaches(grant.range)]
        if not covering:
            self.reasons.add("OUT_OF_RANGE_OF_MARK")
            return ""
        return str(min(covering, key=lambda grant: (self.rank(grant.range), grant.range, grant.mark)).mark)

    def allows(self, rule: Any, item: Any) -> bool:
        issuer = self.institutions.get(self.report.issuer)
        receiver = self.institutions.get(self.request.institution)
        reader = self.institutions.get(self.result.reader)
        if issuer is None or receiver is None or not within(self.today, rule.dates) or not about(rule.items, item):
            return False
        if not self.belongs(issuer, rule.issued_by) or not self.belongs(receiver, rule.received_by):
            return False
        if rule.read_by is not None and (reader is None or not self.belongs(reader, rule.read_by)):
            return False
        for alike in rule.alike:
            if alike == "alliance" and not set(issuer.alliances) & set(receiver.alliances):
                return False
            if alike == "city" and (not city(issuer.region) or city(issuer.region) != city(receiver.region)):
                return False
            if alike == "province" and pairs(issuer.region)[0] != pairs(receiver.region)[0]:
                return False
        return True

    def belongs(self, institution: Any, group: Any) -> bool:
        return (
            (not group.tiers or institution.tier in group.tiers)
            and (not group.regions or any(lies_in(institution.region, each) for each in group.regions))
            and (not group.alliances or any(each in institution.alliances for each in group.alliances))
            and (not group.institutions or institution.code in group.institutions)
            and (not group.sets or any(self.in_set(institution, each) for each in group.sets))
        )

    def in_set(self, institution: Any, code: str) -> bool:
        for named in self.source["region_sets"]:
            if named.code == code:
                return (
                    institution.code in named.institutions
                    or any(each in institution.alliances for each in named.alliances)
                    or any(lies_in(institution.region, each) for each in named.regions)
                )
        return False

    def suspended(self, code: str) -> bool:
        known = self.institutions.get(code)
        since = known.quality_suspended_since if known is not None else None
        return since is not None and (self.tested is None or self.tested >= since)

    def reaches(self, range_: str) -> bool:
        if range_ == "national":
            return True
        receiver = self.institutions.get(self.request.institution)
        if receiver is None:
            return False
        if any(named.code == range_ for named in self.source["region_sets"]):
            return self.in_set(receiver, range_)
        return lies_in(receiver.region, range_)

    def rank(self, range_: str) -> float:
        """Smaller is wider: national, provinces, cities, counties; a set of regions just before its widest region; sets
        without regions last."""
        if range_ == "national":
            return 0
        for named in self.source["region_sets"]:
            if named.code == range_:
                return min((len(pairs(each)) - 0.5 for each in named.regions), default=99)
        return len(pairs(range_))


def source_lost(source: dict[str, Any], issuer: str) -> bool:
    everything, institutions = source["unresumed"]
    return bool(everything) or issuer in institutions


def within(day: str, dates: Any) -> bool:
    """Both ends included; nothing stated is open."""
    return (dates.valid_from or "0000") <= day <= (dates.valid_to or "9999-99")


def about(items: Any, item: Any) -> bool:
    """Item codes, class:NAME, laboratory, examination or *."""
    return any(each in ("*", item.code, str(item.specialty), f"class:{item.item_class}") for each in items)


LEVELS = (2, 4, 6, 9, 12)
"""Digits of a division code: province, city, county (GB/T 2260); township, village (GB/T 10114)."""


def pairs(region: str) -> list[str]:
    """The levels of a division code; zeros at the end are no level."""
    starts = (0, *LEVELS)
    levels = [region[start:end] for start, end in zip(starts, LEVELS, strict=False) if region[start:end]]
    while len(levels) > 1 and set(levels[-1]) == {"0"}:
        levels.pop()
    return levels


def city(region: str) -> tuple[str, ...]:
    """What is a city: a prefecture; a whole municipality; a county that the province administers itself (xx90xx)."""
    levels = pairs(region)
    if levels[0] in ("11", "12", "31", "50"):
        return (levels[0],)
    if levels[1:2] == ["90"]:
        return tuple(levels[:3]) if len(levels) > 2 else ()
    return tuple(levels[:2]) if len(levels) > 1 else ()


def lies_in(region: str, ancestor: str) -> bool:
    """Whether the ancestor is the region or a level above it."""
    return bool(ancestor) and pairs(region)[: len(pairs(ancestor))] == pairs(ancestor)


OBJECT_IDENTIFIERS = {
    "urn:oid:2.16.840.1.113883.6.1": "http://loinc.org",
    "urn:oid:2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "urn:oid:1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
}


def same_code(known: Any, said: Any) -> bool:
    """Codes are the same when system and code are; texts when they are but for width, case and spaces."""
    if not known[0] or not said[0]:
        return bool(not known[0] and not said[0] and folded(known[1]) == folded(said[1]))
    one, other = (OBJECT_IDENTIFIERS.get(each[0], each[0]) for each in (known, said))
    return bool(one == other and known[1] == said[1])


def folded(text: str) -> str:
    """Width, case and space made alike."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
