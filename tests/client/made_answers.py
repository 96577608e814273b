"""Answers made by hand, for tests of how they look."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse


def at(*parts: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]
    return stamp


def institution(code: str, name: str, tier: v1.Tier = v1.TIER_SECONDARY) -> v1.InstitutionRef:
    return v1.InstitutionRef(code=code, name=name, tier=tier)


COUNTY = institution("C1", "嘉禾县人民医院")
TOWNSHIP = institution("T7", "新塍镇中心卫生院（社区卫生服务中心）", v1.TIER_TOWNSHIP)


def result(
    name: str,
    value: str,
    *,
    flags: tuple[str, ...] = (),
    low: str = "",
    high: str = "",
    issuer: v1.InstitutionRef = COUNTY,
    report_id: str = "r1",
    reasons: tuple[v1.NotReusableReason, ...] = (),
    critical: bool = False,
    specialty: v1.Specialty = v1.SPECIALTY_LABORATORY,
) -> v1.ResultEntry:
    return v1.ResultEntry(
        report_id=report_id,
        item=v1.ItemRef(code="X", name_zh=name, name_en=name, specialty=specialty),
        issuer=issuer,
        taken_at=at(2026, 5, 20, 0, 12),
        detail=v1.ResultDetail(
            code=v1.CodeableConcept(text=name),
            value=v1.ResultValue(text=value),
            interpretation=flags,
            reference_range=[v1.ReferenceRange(low=v1.Quantity(value=low), high=v1.Quantity(value=high))],
        ),
        status="final",
        reusable=not reasons,
        valid_until=None if reasons else at(2026, 7, 19, 0, 12),
        mark="" if reasons else "全国HR",
        reasons=reasons,
        critical=critical,
    )


def chart() -> reuse.OpenChartResponse:
    return reuse.OpenChartResponse(
        prompt_id="prompt-1",
        outcome=reuse.OUTCOME_FOUND,
        lines=[
            reuse_line(result("糖化血红蛋白", "6.8 %", flags=("H",), low="4.0", high="6.0")),
            reuse_line(
                result("血清钾", "4.10 mmol/L", low="3.5", high="5.3", report_id="r2", issuer=TOWNSHIP),
                v1.NewerResult(
                    taken_at=at(2026, 5, 27, 8, 30),
                    issuer=TOWNSHIP,
                    reasons=[v1.NOT_REUSABLE_REASON_NOT_FINAL, v1.NOT_REUSABLE_REASON_NO_QUALITY_GRANT],
                    critical=True,
                    report_id="r3",
                    status="preliminary",
                ),
            ),
            reuse_line(
                result(
                    "胸部CT平扫",
                    "右肺上叶磨玻璃结节，直径约6mm，建议三个月后复查；两肺下叶少许纤维灶，纵隔未见肿大淋巴结。",
                    report_id="r4",
                    specialty=v1.SPECIALTY_EXAMINATION,
                )
            ),
        ],
        not_reusable=[
            result(
                "谷丙转氨酶",
                "32 U/L",
                report_id="r5",
                reasons=(v1.NOT_REUSABLE_REASON_OUTSIDE_WINDOW, v1.NOT_REUSABLE_REASON_SPECIMEN_DIFFERS),
            ),
            result("心电图", "窦性心律", report_id="r6", reasons=(v1.NOT_REUSABLE_REASON_DIRECTION_NOT_RECOGNIZED,)),
        ],
        not_reusable_count=2,
        coverage=[
            reuse.SourceCoverage(
                source="hutong.local",
                answer=reuse.SOURCE_ANSWER_COMPLETE,
                feeds_behind=[reuse.FeedBehind(institution=TOWNSHIP, last_received_at=at(2026, 5, 1))],
            )
        ],
        judged_at=at(2026, 5, 28, 1, 0),
        rules_version=7,
    )


def reuse_line(entry: v1.ResultEntry, *newer: v1.NewerResult) -> v1.PromptLine:
    return v1.PromptLine(result=entry, newer=newer)
