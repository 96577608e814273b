"""Case files: tables of cases that a clinician can read, each judged by the rules that its file states.

tests/cases/README.md says how they are written. `CaseFile.verdict` and the other methods answer a case in the words in
which files say what they expect; every fault of a file is an error that names the case.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from hutong_server.catalog import build_rule_book, read_catalog
from hutong_server.domain.errors import HutongError
from hutong_server.domain.orders import Order, check_orders
from hutong_server.domain.prompt import prompt
from hutong_server.domain.report import CodeKey, Instant, ResultFacts, ResultFlag, Status, TimeSource, VersionKey
from hutong_server.domain.restored import Unresumed
from hutong_server.domain.reuse import Assessment, NotReusable, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook, zone_of
from hutong_server.domain.versions import Order as Succession
from hutong_server.domain.versions import compare, supersedes

OWN = Path(__file__).parent / "cases"

TIMES = {"result": 1, "specimen": 2, "report": 3, "issued": 4, "nothing": 0}
OF_RESULT = {
    *("code", "specimen", "collection", "body_part", "laterality", "method"),
    *("taken", "taken_by", "taken_says", "issued", "status"),
    *("value", "images", "flags", "performed_by", "read_by"),
}
OF_REPORT = {
    *("issued_by", "report_issued", "report_status", "withdrawn", "superseded", "disputed", "in_doubt", "decided"),
    *("version_id", "last_updated"),
}
OF_QUESTION = {"asked_by", "asked_at", "decided_items", "quality_suspended", "not_resumed"}
OF_DECISION = {"decides", "item", "ground", "text", "decided_at"}
FIELDS = OF_RESULT | OF_REPORT | OF_QUESTION
FORMS = {"results", "arrives", "derived", "orders", "shows", "answers", *OF_DECISION}
"""What makes a case more than one result, and what such a case says beside its verdicts."""

Facts = tuple[ResultFacts, ReportFacts, Request]
Fields = dict[str, Any]


class CaseFault(AssertionError):
    """A case that cannot be read."""


class _Loader(yaml.SafeLoader):
    """Scalars are words as written, but for null, true and false: an unquoted code 0420, NO or 2025-03-01 stays what
    it is."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


@dataclass(frozen=True)
class CaseFile:
    """One file."""

    name: str
    content: Fields

    @property
    def cases(self) -> list[Fields]:
        """Its cases, as written."""
        return self.content["cases"]  # type: ignore[no-any-return]

    @cached_property
    def catalog(self) -> Any:
        """Its rules, as an import reads them."""
        content = yaml.safe_dump(self.content["catalog"], allow_unicode=True, sort_keys=False, width=1000).encode()
        try:
            return read_catalog([(f"{self.name}.yaml", content)], ())
        except HutongError as error:
            faults = "; ".join(issue.message for issue in error.issues)
            raise CaseFault(f"{self.name}: catalog: {faults}") from None

    def form(self, case: Fields) -> str:
        """What kind of case it is: the key of FORMS that makes it so, "" for a single result."""
        fields = {**(self.content.get("usually") or {}), **case}
        return next((form for form in ("arrives", "orders", "results", "decides") if form in fields), "")

    @cached_property
    def zone(self) -> tzinfo:
        """The region's time zone, in which times without an offset are."""
        return zone_of((self.content["catalog"].get("policy") or {}).get("time_zone", "Asia/Shanghai"))

    def book(self, case: Fields | None = None) -> RuleBook:
        """The rule book, with the suspensions of a case."""
        suspended = self.whole(case or {}).get("quality_suspended") or {}
        institutions = [
            replace(each, quality_suspended_since=self.instant(suspended[each.code]))
            if each.code in suspended
            else each
            for each in self.catalog.institutions
        ]
        made = build_rule_book(1, institutions, self.catalog.rows)
        not_resumed = frozenset(self.whole(case or {}).get("not_resumed") or ())
        return made.after_restore(Unresumed(institutions=not_resumed)) if not_resumed else made

    def instant(self, text: str) -> Instant:
        """A time as written: of the region where it has no offset."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise CaseFault(f"{self.name}: not a time: {text}") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return round(moment.timestamp() * 1000)

    def whole(self, case: Fields) -> Fields:
        """A case with what is usual in its file."""
        fields = {**(self.content.get("usually") or {}), **case}
        unknown = set(fields) - FIELDS - FORMS - {"case", "says"}
        if unknown:
            raise CaseFault(f"{self.name}: {fields.get('case')}: unknown {', '.join(sorted(unknown))}")
        return fields

    def facts(self, case: Fields) -> Facts:
        """What is judged in a case of one result."""
        case = self.whole(case)
        missing = {"code", "issued_by", "asked_by", "asked_at"} - set(case)
        if missing:
            raise CaseFault(f"{self.name}: {case.get('case')}: missing {', '.join(sorted(missing))}")
        flags = ResultFlag.HAS_VALUE if case.get("value", True) else 0
        flags |= ResultFlag.IMAGES_PRESENT if case.get("images", False) else 0
        for flag in case.get("flags") or ():
            flags |= ResultFlag[flag]
        issued = self._optional(case, "issued")
        taken = self._optional(case, "taken")
        source = TIMES[case.get("taken_says", "result" if taken is not None else "issued" if issued else "nothing")]
        issuer = case["issued_by"]
        result = ResultFacts(
            ordinal=0,
            status=case.get("status", "final"),
            flags=int(flags),
            time=issued if source == TimeSource.ISSUED else taken,
            time_source=source,
            issued=issued,
            codes=keys(case["code"], "local"),
            specimen=keys(case.get("specimen")),
            collection=keys(case.get("collection")),
            body_site=keys(case.get("body_part")),
            laterality=keys(case.get("laterality")),
            method=keys(case.get("method")),
            performer=case.get("performed_by", issuer) or "",
            reader=case.get("read_by") or "",
            latest=self._optional(case, "taken_by"),
        )
        report = ReportFacts(
            report_id=b"\0" * 16,
            issuer=issuer,
            status=case.get("report_status", "final"),
            withdrawn=case.get("withdrawn", False),
            superseded=case.get("superseded", False),
            disputed=case.get("disputed", False),
            issued=self._optional(case, "report_issued"),
            in_doubt=case.get("in_doubt", False),
            decided=case.get("decided", False),
        )
        return result, report, self.request(case)

    def request(self, case: Fields) -> Request:
        """Who asks, and when."""
        case = self.whole(case)
        return Request(case["asked_by"], self.instant(case["asked_at"]), frozenset(case.get("decided_items") or ()))

    def _optional(self, case: Fields, name: str) -> Instant | None:
        return self.instant(case[name]) if case.get(name) else None

    # What the registry says.

    def verdict(self, case: Fields, book: RuleBook | None = None) -> Any:
        """The verdict on the one result of a case."""
        return self.in_words(assess(*self.facts(case), book or self.book(case)))

    def in_words(self, assessment: Assessment) -> Any:
        """A verdict as files say it, the time written in full."""
        if assessment.until is None:
            return [reason.value for reason in assessment.reasons]
        return self._reusable(assessment.until, assessment.mark)

    def _reusable(self, until: Instant, mark: str) -> str:
        moment = datetime.fromtimestamp(until // 1000, self.zone).replace(microsecond=until % 1000 * 1000)
        return f"reusable until {moment.isoformat(' ', 'milliseconds')} as {mark}"

    def expected(self, says: Any, case: str) -> Any:
        """What a file says, in the form of `in_words`."""
        if isinstance(says, str) and (told := re.fullmatch(r"reusable until (.+) as (\S+)", says)):
            return self._reusable(self.instant(told[1]), told[2])
        reasons = says if isinstance(says, list) else [says]
        unknown = [each for each in reasons if each not in NotReusable.__members__]
        if unknown or not reasons:
            raise CaseFault(f"{self.name}: {case}: not a verdict: {says}")
        return reasons

    def chart(self, case: Fields) -> tuple[dict[str, Any], dict[str, Any]]:
        """Verdicts by the name of the result, and what is shown of each item, of a case with several results."""
        book, request = self.book(case), self.request(case)
        reports = list(self._reports(case))
        names = [report.report_id.decode() for report, _ in reports]
        verdicts = {
            name: self.in_words(assess(results[0], report, request, book))
            for name, (report, results) in zip(names, reports, strict=True)
        }
        shown = {
            line.item.code: {
                "best": line.best.report.report_id.decode(),
                "newer": [each.report.report_id.decode() for each in line.newer],
            }
            for line in prompt(reports, request, book).lines
        }
        return verdicts, shown

    def _reports(self, case: Fields) -> Iterable[tuple[ReportFacts, tuple[ResultFacts, ...]]]:
        common = {name: value for name, value in self.whole(case).items() if name in FIELDS}
        for name, fields in case["results"].items():
            result, report, _ = self.facts({**common, **(fields or {})})
            yield report._replace(report_id=name.encode()), (result,)

    def orders(self, case: Fields) -> dict[str, str]:
        """How far the results of a case satisfy its orders, by the name of the order."""
        orders = [
            Order(
                order_id=name,
                codes=keys(fields.get("code"), "local"),
                body_site=keys(fields.get("body_part")),
                method=keys(fields.get("method")),
                specimen=keys(fields.get("specimen")),
                item=fields.get("item", ""),
            )
            for name, fields in case["orders"].items()
        ]
        checked = check_orders(orders, self._reports({"results": {}, **case}), self.request(case), self.book(case))
        return {
            answer.order_id: answer.coverage.value
            + "".join(f"{', ' if n else ': '}{code}" for n, code in enumerate(_found(answer)))
            for answer in checked.answers
        }

    def versions(self, case: Fields) -> tuple[int, Any]:
        """Number of the version that is shown after all have arrived, from 1, and the verdict on it."""
        common = {name: value for name, value in self.whole(case).items() if name in FIELDS}
        shown, number, disputed = None, 0, False
        held: Fields | None = None
        for count, arrived in enumerate(case["arrives"], 1):
            fields = {**common, **arrived}
            withdraws = Status(fields.get("report_status", "final")).withdraws
            order = Succession.NEWER if shown is None else compare(self._version(fields), self._version(shown))
            withdrawn = shown is not None and Status(shown.get("report_status", "final")).withdraws
            if shown is None or supersedes(order, shown_withdrawn=withdrawn, arrived_withdraws=withdraws):
                disputed = bool(case.get("derived")) and order is Succession.TIED and not withdrawn and not withdraws
                shown, number = fields, count
                held = held if withdraws else fields
            elif withdrawn and held is None:
                # The report that a withdrawal was waiting for.
                held = fields
        if shown is None or held is None:
            raise CaseFault(f"{self.name}: {case.get('case')}: no version with a result arrives")
        withdrawn = Status(shown.get("report_status", "final")).withdraws
        # A withdrawal needs no more than identity and status: what is judged is the report that it takes back.
        judged = {**held, "report_status": shown.get("report_status", "final"), "withdrawn": withdrawn}
        return number, self.verdict({**judged, "disputed": disputed or held.get("disputed", False)}, self.book(case))

    def _version(self, fields: Fields) -> VersionKey:
        return VersionKey(
            version_id=int(fields["version_id"]) if fields.get("version_id") else None,
            issued=self._optional(fields, "report_issued"),
            last_updated=self._optional(fields, "last_updated"),
            rank=Status(fields.get("report_status", "final")).rank,
        )


def _found(answer: Any) -> list[str]:
    return [each.item.code for each in answer.items if each.line is not None]


def keys(written: Any, system: str = "") -> tuple[CodeKey, ...]:
    """ "system|code" is a coding; a bare word is a text, or a code of `system`."""
    words = written if isinstance(written, list) else [] if written is None else [written]
    parts = [str(word).partition("|") for word in words]
    return tuple((before, after) if bar else (system, before) for before, bar, after in parts)


def read_case_files(folder: Path) -> dict[str, CaseFile]:
    """The files of a folder by name. Raises CaseFault for one that is not a case file."""
    files = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        content = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  a safe loader
        missing = {"catalog", "cases"} - set(content or {})
        unknown = set(content or {}) - {"about", "source", "catalog", "usually", "cases"}
        if missing or unknown:
            raise CaseFault(f"{path.name}: missing {sorted(missing)}, unknown {sorted(unknown)}")
        files[path.stem] = CaseFile(path.stem, content)
    if not files:
        raise CaseFault(f"no case files (*.yaml) in {folder}")
    return files
