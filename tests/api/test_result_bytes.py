"""What is written byte by byte is what a message would be."""

from typing import Any

from hutong.v1 import report_pb2
from hutong_server.api.convert import REASONS, institution_ref, item_ref, stamp
from hutong_server.api.result_bytes import Asker, SealedReports, result_bytes, varint
from hutong_server.api.wire_form import ProtoWire
from hutong_server.domain.prompt import Judged
from hutong_server.domain.recognition import Institution, Policy, RecognizedItem, Specialty, Tier
from hutong_server.domain.report import Coding, Concept, ResultDetail, ResultFacts, ResultFlag, TimeSource, Value
from hutong_server.domain.reuse import Assessment, NotReusable, ReportFacts
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import StoredReport
from hutong_server.trust.ids import SealedIds
from hypothesis import example, given
from hypothesis import strategies as st

IDS = SealedIds(bytes(32))
TEXTS = st.text(max_size=200)
# Years 1 to 9999, in milliseconds, and none.
TIMES = st.one_of(st.none(), st.sampled_from([0, 1, 999, 1000]), st.integers(-62_135_596_800_000, 253_402_300_799_999))
ITEM = RecognizedItem("K", "钾", "Potassium", Specialty.LABORATORY, "chemistry", 7)
BOOK = RuleBook(
    institutions=[Institution("H1", "一院", Tier.TERTIARY, "9904")],
    items=[ITEM],
    policy=Policy(critical_flags=("HH", "危急")),
)
WORDS = st.sampled_from(["H", "HH", "HHH", "危急", "", "L"])
details = st.builds(
    ResultDetail,
    st.builds(Concept, st.tuples(st.builds(Coding, TEXTS, TEXTS, TEXTS)), TEXTS),
    st.one_of(st.none(), st.builds(Value, TEXTS)),
    st.lists(WORDS, max_size=3).map(tuple),
    # A word in a note is no flag.
    notes=st.lists(WORDS, max_size=2).map(tuple),
).map(ProtoWire().detail)


def expected(judged: Judged, row: StoredReport) -> report_pb2.ResultEntry:
    """Field by field."""
    _, result, verdict, time = judged
    out = report_pb2.ResultEntry(
        report_id=IDS.seal("report", "H2", (row.patient_key, row.report_id)),
        result_index=result.ordinal,
        status=result.status,
        taken_at_is_issue_time=judged.time_is_issue,
        reusable=verdict.reusable,
        mark=verdict.mark,
        reasons=[REASONS[reason] for reason in verdict.reasons],
    )
    institution_ref(out.issuer, row.institution, BOOK)
    if verdict.item is not None:
        item_ref(out.item, verdict.item)
    stamp(out.taken_at, time)
    stamp(out.valid_until, verdict.until)
    if row.details[result.ordinal]:
        out.detail.MergeFromString(row.details[result.ordinal])
    flagged = {"HH", "危急"} & set(out.detail.interpretation)
    out.critical = bool(flagged) or result.has(ResultFlag.CRITICAL)
    return out


@st.composite
def verdicts(draw: st.DrawFn) -> Assessment:
    until = draw(TIMES)
    if until is not None:
        return Assessment(ITEM, True, until, draw(st.sampled_from(["", "浙HR"])), ())
    reasons = draw(st.lists(st.sampled_from(NotReusable), min_size=1, max_size=20, unique=True))
    return Assessment(draw(st.sampled_from([ITEM, None])), False, None, "", tuple(reasons))


@given(
    verdicts(),
    st.sampled_from(["final", "", "entered-in-error"]),
    TIMES,
    st.sampled_from(TimeSource),
    st.integers(0, 127),
    st.lists(st.one_of(st.just(b""), details), min_size=1, max_size=300),
    st.sampled_from(["H1", "gone"]),
)
@example(Assessment(ITEM, True, 0, "", ()), "final", 0, TimeSource.ISSUED, 1, [b""] * 200, "H1")
def test_a_result_is_written_as_its_message(
    verdict: Assessment, status: str, time: int | None, source: TimeSource, flags: int, shown: list[bytes], issuer: str
) -> None:
    ordinal = len(shown) - 1
    result = ResultFacts(ordinal, status, flags, time, source, None, ())
    values: dict[str, Any] = dict(status="final", withdrawn=False, disputed=False, effective=time, issued=None)
    values |= dict(received=0, specialty="", has_images=False, results=(), details=tuple(shown), header=b"")
    row = StoredReport(b"k" * 16, b"r" * 16, issuer, 1, **values)
    judged = Judged(ReportFacts(row.report_id, issuer, "final"), result, verdict, time)
    sealed = SealedReports(Asker("H2", BOOK, IDS))
    for _ in range(2):
        found = report_pb2.ResultEntry.FromString(result_bytes(judged, row, sealed))
        assert found == expected(judged, row)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
@example(127)
@example(128)
@example(-1)
def test_a_number_is_written_as_its_message(number: int) -> None:
    assert report_pb2.ResultValue.FromString(b"\x30" + varint(number)).integer == number
