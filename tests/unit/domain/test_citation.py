"""What is put into a chart for a recognised result: everything that the source said, and nothing that it did not."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hutong_server.domain.citation import Citation, chinese, english
from hutong_server.domain.recognition import RecognizedItem, Specialty

ITEM = RecognizedItem("K", "钾", "potassium", Specialty.LABORATORY)
CHINA = ZoneInfo("Asia/Shanghai")
TAKEN = int(datetime(2026, 5, 27, 20, 30, tzinfo=UTC).timestamp() * 1000)
WHOLE = Citation(
    item=ITEM,
    value="6.80 mmol/L",
    issuer="县医院",
    issuer_code="H1",
    report_id="hABC",
    flags=("HH", "A"),
    ranges=("3.5-5.3", "妊娠 3.3-5.1"),
    critical=True,
    taken=TAKEN,
    mark="浙HR",
    corrected=True,
)
BARE = Citation(item=ITEM, value="阴性", issuer="H9", issuer_code="H9", report_id="hX")


def test_everything_is_said_in_both_languages() -> None:
    assert chinese(WHOLE, CHINA) == (
        "互认外院结果：钾 6.80 mmol/L（参考范围 3.5-5.3；妊娠 3.3-5.1） [HH、A]；危急值；"
        "检查检验时间 2026-05-28 04:30 UTC+08:00；出具机构 县医院（H1）；互认标识 浙HR；"
        "出具机构已更正，此为更正后的结果；报告号 hABC。"
    )
    assert english(WHOLE, CHINA) == (
        "Outside result recognized: potassium 6.80 mmol/L (reference range 3.5-5.3; 妊娠 3.3-5.1) [HH, A]; "
        "CRITICAL VALUE; taken 2026-05-28 04:30 UTC+08:00; by 县医院 (H1); mark 浙HR; "
        "corrected by the issuer, this is the corrected result; report hABC."
    )


def test_what_the_source_did_not_say_is_left_out() -> None:
    assert chinese(BARE, CHINA) == "互认外院结果：钾 阴性；检查检验时间不详；出具机构 H9；报告号 hX。"
    assert english(BARE, CHINA) == (
        "Outside result recognized: potassium 阴性; time of the test unknown; by H9; report hX."
    )


def test_times_are_in_the_regions_zone_and_a_time_of_issue_is_called_one() -> None:
    issued = replace(BARE, taken=TAKEN, taken_is_issue=True)
    assert "报告时间 2026-05-28 02:30 UTC+06:00" in chinese(issued, ZoneInfo("Asia/Urumqi"))
    assert "issued 2026-05-27 22:30 UTC+02:00" in english(issued, ZoneInfo("Europe/Berlin"))
    assert "2026-05-27 17:30 UTC-03:00" in english(issued, ZoneInfo("America/Sao_Paulo"))


def test_an_item_without_a_name_is_called_by_its_code() -> None:
    nameless = replace(BARE, item=RecognizedItem("K", "", "", Specialty.LABORATORY))
    assert "互认外院结果：K 阴性" in chinese(nameless, CHINA)
    assert "recognized: K 阴性" in english(nameless, CHINA)
    assert "recognized: 钾 阴性" in english(replace(BARE, item=replace(ITEM, name_en="")), CHINA)
