"""The report in words: tables in Markdown, and a few lines for the terminal; in the language of the run."""

from collections.abc import Iterable
from typing import Any

from hutong_client.cli.language import say

_TIERS = {
    "tertiary": ("三级医院", "tertiary hospitals"),
    "secondary": ("二级医院", "secondary hospitals"),
    "private": ("民营医院", "private institutions"),
    "township": ("乡镇卫生院", "township centers"),
    "village": ("村卫生室", "village stations"),
    "laboratory_center": ("检验、影像中心", "laboratory and reading centers"),
}
_DIRECTIONS = {
    "down": ("上级的结果，下级用", "a higher tier's result, used below"),
    "same": ("同级之间", "same tier"),
    "up": ("下级的结果，上级用", "a lower tier's result, used above"),
    "center": ("检验、影像中心的结果", "a laboratory or reading center's result"),
}
_VARIED = {
    "low": ("低", "low"),
    "middle": ("中", "middle"),
    "high": ("高", "high"),
    "hard stop": ("强制拦截（互通没有）", "hard stop (Hutong has none)"),
}


def as_text(found: dict[str, Any], run: dict[str, Any]) -> str:
    """A few lines."""
    city, duplicates, prompts = found["city"], found["duplicates"], found["prompts"]
    would, avoided, check = duplicates["without"], duplicates["avoided"], found["check"]
    useful = _percent(prompts["useful_questions"], prompts["questions"])
    lines = [
        say(
            f"{city['visits']} 次就诊（其中 {city['visits_with_orders']} 次开单 {city['orders']} 项）",
            f"{city['visits']} visits, {city['visits_with_orders']} of them with orders ({city['orders']})",
        ),
        say(
            f"没有平台：{would['orders']} 个医嘱、{would['items']} 项次重复",
            f"without the registry: {would['orders']} orders ({would['items']} item-times) repeat what is there",
        ),
        say(
            f"有平台：避免 {avoided['orders']} 个医嘱、{avoided['items']} 项次"
            f"（{_percent(avoided['items'], would['items'])}），节省 {_yuan(avoided)}",
            f"with it: {avoided['orders']} orders ({avoided['items']} item-times, "
            f"{_percent(avoided['items'], would['items'])}) avoided, {_yuan(avoided)} saved",
        ),
        say(
            f"每次就诊：应答 {_figure(prompts['answers_per_visit'])}，"
            f"有内容的 {_figure(prompts['with_a_line_per_visit'])}，"
            f"提问 {_figure(prompts['questions_per_visit'])}；提问中 {useful} 带来互认",
            f"per visit: {_figure(prompts['answers_per_visit'])} answers, "
            f"{_figure(prompts['with_a_line_per_visit'])} with a line, "
            f"{_figure(prompts['questions_per_visit'])} questions; {useful} of the questions led to a reuse",
        ),
        _check(check),
        say(
            f"每秒 {_figure(run['with']['calls_per_second'])} 次调用（最多六位患者同时）",
            f"{_figure(run['with']['calls_per_second'])} calls a second, at most six patients at a time",
        ),
    ]
    return "\n".join(lines)


def as_markdown(found: dict[str, Any], run: dict[str, Any]) -> str:
    """The whole report."""
    city, duplicates, prompts = found["city"], found["duplicates"], found["prompts"]
    parts = [
        say("# 虚构城市的一个月\n", "# A month of the made city\n"),
        say(
            "没有真实的人和机构。倾向和来源见 docs/city-month.md。\n",
            "Nobody and nothing in it exists. What is assumed, and where it is from: docs/city-month.md.\n",
        ),
        "```\n" + as_text(found, run) + "\n```\n",
        say("## 城市\n", "## The city\n"),
        _table(
            (say("类别", "Tier"), say("机构", "Institutions"), say("就诊", "Visits")),
            (
                (_word(_TIERS, tier), city["institutions"][tier], city["visits_by_tier"].get(tier, 0))
                for tier in _TIERS
                if city["institutions"].get(tier)
            ),
        ),
        say(
            f"{city['people']} 人；月前报告 {city['reports_before']} 份，"
            f"本月上传 {city['reports_with']} 份（没有平台则 {city['reports_without']} 份）；"
            f"急诊 {city['emergencies']} 次，不提问。\n",
            f"{city['people']} people; {city['reports_before']} reports from before the month, "
            f"{city['reports_with']} in it ({city['reports_without']} without the registry); "
            f"{city['emergencies']} emergencies, in which nothing is asked.\n",
        ),
        say("## 重复检查检验\n", "## Duplicate examinations\n"),
        _table(
            ("", say("医嘱", "Orders"), say("项次", "Item-times"), say("金额", "Worth"), say("无价格", "Unpriced")),
            ((words, *_amounts(duplicates[name])) for name, words in _duplicates().items()),
        ),
        say(
            f"医嘱按至少有一项计；其中 {city['orders_dropped']} 个医嘱完全没有再做。\n",
            "An order counts when one of its items does; "
            f"{city['orders_dropped']} orders were not carried out at all.\n",
        ),
        say("## 提示\n", "## Prompts\n"),
        _table(
            ("", say("数量", "Number"), say("每次就诊", "Per visit")),
            (
                (
                    say("应答（打开病历、开单）", "answers (charts and orders)"),
                    prompts["answers"],
                    _figure(prompts["answers_per_visit"]),
                ),
                (
                    say("有内容的应答", "answers with a line"),
                    prompts["with_a_line"],
                    _figure(prompts["with_a_line_per_visit"]),
                ),
                (say("提问", "questions"), prompts["questions"], _figure(prompts["questions_per_visit"])),
                (say("带来互认的提问", "questions that led to a reuse"), prompts["useful_questions"], ""),
            ),
        ),
        say(
            f"每百次应答互认 {_figure(prompts['recognized_per_100_answers'])} 项次（重庆公布 8.2）；"
            f"每项次 {_figure(prompts['yuan_per_recognition'])} 元（嘉兴公布约 28，重庆约 219）。\n",
            f"{_figure(prompts['recognized_per_100_answers'])} recognitions per 100 answers (Chongqing publishes 8.2); "
            f"{_figure(prompts['yuan_per_recognition'])} yuan each (Jiaxing about 28, Chongqing about 219).\n",
        ),
        say("## 按接诊机构\n", "## By receiving tier\n"),
        _parts(found["by_tier"], _TIERS),
        say("## 按方向\n", "## By direction\n"),
        _parts(found["by_direction"], _DIRECTIONS),
        say("## 按医嘱\n", "## By order\n"),
        _parts(found["by_order"], {}),
        say("## 假如医师接受的比例不同\n", "## If doctors accepted otherwise\n"),
        _table(
            (
                say("首次提问的接受比例", "Acceptance of a first question"),
                "",
                say("医嘱", "Orders"),
                say("项次", "Item-times"),
                say("节省", "Saved"),
                say("无价格", "Unpriced"),
            ),
            (
                (_word(_VARIED, name), f"{100 * each['acceptance']:.0f} %", *_amounts(each))
                for name, each in found["acceptance_varied"].items()
            ),
        ),
        say(
            "同样的提问，同样的抽签；省下的检查以后带来的变化没有计入，事后撤销的也没有扣除。\n",
            "The same questions and draws; what an avoided test changes later, and what is taken back, are left out.\n",
        ),
        say("## 平台统计服务的说法\n", "## What StatisticsService says\n"),
        _table(
            (say("率", "Rate"), say("分子", "Numerator"), say("分母", "Denominator"), say("分母是", "Of"), ""),
            (
                (
                    each["name"],
                    each["numerator"],
                    each["denominator"],
                    each["of"],
                    _percent(each["numerator"], each["denominator"]),
                )
                for each in found["statistics"]["rates"]
            ),
        ),
        _check(found["check"]) + "\n",
        *(
            f"- {each['by']} {each['group']} {each['measure']}: {each['month']} ≠ {each['statistics']}"
            for each in found["check"]["differences"][:50]
        ),
        say("## 运行\n", "## The run\n"),
        _table(
            ("", say("秒", "Seconds"), say("调用", "Calls"), say("每秒", "A second")),
            (
                (words, run[name]["seconds"], sum(run[name]["calls"].values()), _figure(run[name]["calls_per_second"]))
                for name, words in (
                    ("with", say("有平台", "with the registry")),
                    ("without", say("没有平台", "without it")),
                )
            ),
        ),
        _table(
            (say("调用", "Call"), say("平均毫秒", "Mean ms")),
            ((name, _figure(each)) for name, each in sorted(run["mean_ms"].items())),
        ),
        say(
            f"{run['certificates']} 张证书，每张 {_figure(run['certificate_ms'])} 毫秒；"
            f"{run['connections']} 个连接；导入规则 {run['catalog_seconds']} 秒，"
            f"历史报告 {run['history_seconds']} 秒；全部用处理器 {run['processor_seconds']} 秒。\n",
            f"{run['certificates']} certificates, {_figure(run['certificate_ms'])} ms each; "
            f"{run['connections']} connections; the catalogue took {run['catalog_seconds']} s, "
            f"earlier reports {run['history_seconds']} s; {run['processor_seconds']} s of processor time in all.\n",
        ),
    ]
    return "\n".join(parts)


def _duplicates() -> dict[str, str]:
    return {
        "without": say("没有平台：本可不做而重复的", "without the registry: repeated although a result was there"),
        "with_offered": say("有平台：问到的", "with it: asked about"),
        "avoided": say("　其中避免的（互认）", "— of these avoided (recognised)"),
        "repeated_on_a_ground": say("　说明理由后复查的", "— repeated on a ground"),
        "nothing_said": say("　未作答而复查的", "— repeated, nothing said"),
        "taken_back": say("　互认后又撤销的", "— recognised, then taken back"),
        "in_emergencies": say("急诊中有结果而未提问的", "there in emergencies, not asked"),
    }


def _parts(found: dict[str, Any], words: dict[str, tuple[str, str]]) -> str:
    return _table(
        (
            "",
            say("没有平台重复的项次", "Repeated without"),
            say("问到项次", "Asked"),
            say("互认项次", "Recognised"),
            "",
            say("节省", "Saved"),
            say("无价格", "Unpriced"),
            say("提问", "Questions"),
            say("带来互认", "Useful"),
            "",
        ),
        (
            (
                _word(words, name),
                each["without"]["items"],
                each["offered"]["items"],
                each["avoided"]["items"],
                _percent(each["avoided"]["items"], each["offered"]["items"]),
                _yuan(each["avoided"]),
                each["avoided"]["unpriced"],
                each["questions"],
                each["useful"],
                _percent(each["useful"], each["questions"]),
            )
            for name, each in found.items()
        ),
    )


def _check(check: dict[str, Any]) -> str:
    if check["differences"] or check["prices_differ"]:
        return say(
            f"核对：{len(check['differences'])} 个数与统计服务不符，{check['prices_differ']} 个价格不符",
            f"check: {len(check['differences'])} numbers and {check['prices_differ']} prices are not the registry's",
        )
    return say(
        f"核对：本月自计的 {check['numbers']} 个数（{check['groups']} 组）与统计服务完全一致",
        f"check: {check['numbers']} numbers in {check['groups']} groups, counted by the month itself, are what "
        "StatisticsService says",
    )


def _amounts(each: dict[str, Any]) -> tuple[object, ...]:
    return each["orders"], each["items"], _yuan(each), each["unpriced"]


def _word(words: dict[str, tuple[str, str]], name: str) -> str:
    return say(*words[name]) if name in words else name


def _yuan(each: dict[str, Any]) -> str:
    return say(f"{each['fen'] / 100:,.2f} 元", f"{each['fen'] / 100:,.2f} yuan")


def _percent(number: int, of: int) -> str:
    return f"{100 * number / of:.1f} %" if of else "—"


def _figure(number: float | None) -> str:
    return "—" if number is None else f"{number:.2f}"


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    names = list(head)
    lines: list[Iterable[object]] = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"
