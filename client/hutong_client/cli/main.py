"""hutong: the command line of publishers, doctors and administrators."""

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from hutong_client.cli import (
    audit,
    certificates,
    chart,
    city,
    consent,
    decide,
    doctor,
    enroll,
    explain,
    failures,
    institution,
    notices,
    order,
    patients,
    publish,
    report,
    reports,
    rule_history,
    rules,
    stats,
    top,
    trend,
    unmapped,
    withhold,
)
from hutong_client.cli.language import help_text, say
from hutong_client.cli.output import stderr
from hutong_client.cli.session import Ca, Cert, Deadline, Json, Key, Lang, Options, Registry, command


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)


app = _group(
    help_text("互通：检查检验结果互认。", "Hutong (互通): mutual recognition of examination results.")
    + "\n\n"
    + help_text(
        "患者标识只从标准输入、文件或提问读取，绝不放在命令行上。",
        "Patient identifiers are read from stdin, a file or a prompt, never from the command line.",
    )
    + "\n\n"
    + failures.EXIT_HELP
)
admin = _group(
    help_text("管理：机构、规则、患者主索引（admin 证书）", "Institutions, rules, patient index (admin certificate)")
)
institutions = _group(help_text("机构", "Institutions"))
rule_files = _group(help_text("互认规则与目录", "Rules and catalogue"))
patient_index = _group(help_text("患者主索引", "Patient index"))
certificate = _group(help_text("证书", "Certificates"))
enrollments = _group(help_text("待批准的证书申领", "Enrolments that wait for a second administrator"))
directives = _group(
    help_text("患者意愿：谁可以看什么（emr 证书）", "What patients decide about who may see what (emr certificate)")
)
notice_group = _group(
    help_text("所依据报告的变更通知（emr 证书）", "What became of reports that were relied on (emr certificate)")
)
report_group = _group(help_text("单份报告", "Single reports"))
reviews = _group(help_text("紧急调阅的审核", "Review of emergencies in which withheld results were opened"))

_COMMANDS = (
    (
        app,
        "publish",
        publish.publish,
        help_text(
            "发布报告（feed 证书）。--json：{summary, documents}，各项含 file、line、position、results、issues。"
            "退出状态 0 全部接收或待核对，1 有拒收，3 中断，可加 --resume 续传。",
            "Publish reports (feed certificate). --json gives {summary, documents: [{file, line, position, results, "
            "issues}]}. Exit status 0: all accepted or held; 1: some rejected; 3: broken off, go on with --resume.",
        ),
    ),
    (
        app,
        "chart",
        chart.chart,
        help_text("打开病历：列出可互认的结果（emr 证书）", "Open a chart: what can be reused (emr certificate)"),
    ),
    (
        app,
        "order",
        order.order,
        help_text(
            "签署医嘱前：哪些已有可互认的结果（emr 证书）",
            "Before orders are signed: what earlier results satisfy them (emr certificate)",
        ),
    ),
    (
        app,
        "reports",
        reports.reports,
        help_text("检索患者的报告（emr 证书）", "Search a patient's reports (emr certificate)"),
    ),
    (
        app,
        "report",
        report.report,
        help_text("查看一份完整报告（emr 证书）", "Show one report whole (emr certificate)"),
    ),
    (
        app,
        "trend",
        trend.trend,
        help_text(
            "一个项目跨机构的变化：图形与明细（emr 证书）", "One item across institutions over time (emr certificate)"
        ),
    ),
    (
        app,
        "top",
        top.top,
        help_text(
            "平台运行实况：速率、延迟、错误、上传、互认；读指标页，不需要证书。^C 结束。退出状态 3：--once 无应答",
            "How the registry does, live: rates, latencies, errors, feeds, recognition; from its page of metrics, "
            "without a certificate. ^C ends it. Exit status 3: --once and nothing answers",
        ),
    ),
    (
        app,
        "explain",
        explain.explain,
        help_text(
            "说明某项目的结果为何能或不能互认，逐条列出依据（emr 证书）",
            "Why results of an item can or cannot be reused, rule by rule (emr certificate)",
        ),
    ),
    (
        app,
        "decide",
        decide.decide,
        help_text(
            "记录对提示项的决定：互认（给出引用文字）、重新检查或撤销（emr 证书）。退出状态 1：有未接受或冲突的",
            "Record what the doctor decided on lines of a prompt; what is recognized comes back as a citation "
            "(emr certificate). Exit status 1: some were refused or in conflict",
        ),
    ),
    (
        app,
        "doctor",
        doctor.doctor,
        help_text(
            "检查从本机到平台的连接，逐项说明问题与办法；试一次提示或发布，只留下一条访问记录。退出状态 1：有误",
            "Look at the way from here to the registry, check by check: what is wrong and what to do. Tries a prompt "
            "or a publish that leaves nothing but a record. Exit status 1: something is wrong",
        ),
    ),
    (
        app,
        "enroll",
        enroll.enroll,
        help_text(
            "以一次性令牌申领证书；私钥在本机生成，不离开本机。--registry 为证书申领端口。退出状态 1：等待批准",
            "Exchange a one-time token for a certificate; the key is made here and stays here. --registry is the "
            "enrolment port. Exit status 1: waits for approval",
        ),
    ),
    (
        app,
        "renew",
        enroll.renew,
        help_text(
            "更新证书（过期不超过宽限期的也可）；--registry 为证书申领端口",
            "Renew a certificate, also one that expired within the grace; --registry is the enrolment port",
        ),
    ),
    (
        admin,
        "enroll-token",
        certificates.enroll_token,
        help_text("为机构生成一次性令牌", "Make a one-time token for an institution"),
    ),
    (
        certificate,
        "list",
        certificates.list_,
        help_text("列出证书，先到期者在前", "List certificates, soonest to expire first"),
    ),
    (
        certificate,
        "revoke",
        certificates.revoke,
        help_text("吊销证书，一秒内生效", "Revoke a certificate; it bites within a second"),
    ),
    (enrollments, "list", certificates.waiting, help_text("列出待批准的申领", "List enrolments that wait")),
    (enrollments, "approve", certificates.approve, help_text("批准申领", "Approve an enrolment")),
    (enrollments, "refuse", certificates.refuse, help_text("拒绝申领", "Refuse an enrolment")),
    (
        institutions,
        "add",
        institution.add,
        help_text("登记机构；--update 修改", "Add an institution; --update changes it"),
    ),
    (institutions, "list", institution.list_, help_text("列出机构", "List institutions")),
    (institutions, "show", institution.show, help_text("查看机构", "Show one institution")),
    (institutions, "suspend", institution.suspend, help_text("停止接入或互认", "Suspend access or quality")),
    (institutions, "resume", institution.resume, help_text("恢复接入或互认", "Lift a suspension")),
    (institutions, "import", institution.import_, help_text("从文件导入机构", "Import institutions from files")),
    (
        rule_files,
        "import",
        rules.import_,
        help_text(
            "导入目录文件，全有或全无；错误标明 文件:行:列",
            "Import catalogue files, all or nothing; errors name file:line:column",
        ),
    ),
    (rule_files, "show", rules.show, help_text("查看现行目录", "Show the catalogue in force")),
    (
        rule_files,
        "diff",
        rules.diff,
        help_text("与现行目录或两个版本间比较，不作改变", "Compare files with the catalogue in force, or two versions"),
    ),
    (
        rule_files,
        "validate",
        rules.validate,
        help_text("检查目录文件，列出全部错误，不作改变", "Check catalogue files and list every error; keeps nothing"),
    ),
    (
        rule_files,
        "history",
        rule_history.history,
        help_text("列出规则的各版本与待生效的导入", "List the versions of the rules, and imports that wait"),
    ),
    (
        rule_files,
        "activate",
        rule_history.activate,
        help_text("待生效的导入：立即生效、改期或取消", "An import that waits: apply it now, move it or cancel it"),
    ),
    (
        rule_files,
        "rollback",
        rule_history.rollback,
        help_text("恢复到以前的版本，成为新版本", "Go back to a former version, as a new one"),
    ),
    (
        rule_files,
        "unmapped",
        unmapped.unmapped,
        help_text("列出没有对照的编码；--csv 可填写", "List codes that lead to no item; --csv to fill in"),
    ),
    (patient_index, "held", patients.held, help_text("列出待核对的报告", "List reports that are held")),
    (
        patient_index,
        "show",
        patients.show,
        help_text("按标识查看人员与操作", "Show the persons under an identifier, and steps"),
    ),
    (patient_index, "place", patients.place, help_text("给待核对的报告归档", "Place a held report")),
    (patient_index, "link", patients.link, help_text("关联两个人员", "Link two persons")),
    (patient_index, "unlink", patients.unlink, help_text("从人员中拆出一个档案", "Take a record out of its person")),
    (patient_index, "undo", patients.undo, help_text("撤销一步操作", "Undo a step")),
    (
        notice_group,
        "list",
        notices.list_,
        help_text("列出未确认的通知；--all 含已确认的", "List notices that wait; --all also those acknowledged"),
    ),
    (
        notice_group,
        "watch",
        notices.watch,
        help_text(
            "持续接收通知，中断后自动续接；--json 每行一个 JSON 文档",
            "Listen for notices, through broken connections; --json prints one JSON document a line",
        ),
    ),
    (notice_group, "ack", notices.ack, help_text("确认通知，不再送达", "Acknowledge notices: not delivered again")),
    (
        report_group,
        "withhold",
        withhold.withhold,
        help_text(
            "立即停止展示一份报告；--lift 恢复展示",
            "Hide one report at once from every answer; --lift shows it again",
        ),
    ),
    (
        directives,
        "put",
        consent.put,
        help_text("登记患者意愿，立即生效", "Record a directive; it holds for the next answer"),
    ),
    (directives, "revoke", consent.revoke, help_text("撤回患者意愿", "Take a directive back")),
    (directives, "list", consent.list_, help_text("列出患者意愿", "List a patient's directives")),
    (reviews, "list", consent.reviews, help_text("列出待审核的紧急调阅", "List emergencies that wait for a review")),
    (reviews, "close", consent.close, help_text("审核完毕", "Close a review")),
    (
        admin,
        "access-log",
        audit.access_log,
        help_text(
            "谁看过患者的结果，逐条核验（admin 或 portal 证书）",
            "Who has seen a patient's results, each proved (admin or portal certificate)",
        ),
    ),
)

for _to, _name, _work, _help in _COMMANDS:
    _to.command(_name, help=_help)(command(_work))
admin.add_typer(institutions, name="institution")
admin.add_typer(rule_files, name="rules")
admin.add_typer(patient_index, name="patients")
admin.add_typer(certificate, name="certificate")
admin.add_typer(enrollments, name="enrollment")
admin.add_typer(reviews, name="reviews")
admin.add_typer(report_group, name="report")
app.add_typer(notice_group, name="notices")
app.add_typer(directives, name="consent")
app.add_typer(admin, name="admin")
app.add_typer(stats.app, name="stats")
app.add_typer(city.app, name="city")
app.command(
    "verify-proof",
    help=help_text(
        "核验访问记录的证明，只需公钥，不连接平台",
        "Verify a proof of the access ledger: needs the public key, no registry",
    ),
)(audit.check_proof)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hutong {metadata.version('hutong')}")
        raise typer.Exit


@app.callback(invoke_without_command=False)
def _common(
    ctx: typer.Context,
    registry: Registry = None,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    lang: Lang = None,
    json: Json = None,
    deadline: Deadline = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help=help_text("显示版本", "Show the version")),
    ] = False,
) -> None:
    del version
    ctx.obj = Options(
        registry or os.environ.get("HUTONG_REGISTRY"),
        ca or _path("HUTONG_CA"),
        cert or _path("HUTONG_CERT"),
        key or _path("HUTONG_KEY"),
        lang,
        json if json is not None else os.environ.get("HUTONG_JSON", "").lower() in ("1", "true", "yes"),
        deadline if deadline is not None else _seconds("HUTONG_DEADLINE"),
    )


def _path(name: str) -> Path | None:
    return Path(os.environ[name]) if os.environ.get(name) else None


def _seconds(name: str) -> float | None:
    try:
        return float(os.environ[name]) if os.environ.get(name) else None
    except ValueError:
        return float("nan")  # refused where it is used, with words


def main() -> None:
    """The program. Whatever goes wrong ends in a line on stderr and an exit status, not in a traceback."""
    try:
        app()
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `hutong … | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(failures.DONE)
    except Exception as error:
        if os.environ.get("HUTONG_TRACEBACK"):
            raise
        # The text of an unexpected error may hold patient data; its kind does not.
        text = say("程序故障", "a fault of this program") + f": {type(error).__name__} (HUTONG_TRACEBACK=1)"
        stderr().print(Text(text, style="bold red"))
        sys.exit(failures.FAULT)


if __name__ == "__main__":
    main()
