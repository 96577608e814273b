"""The main job once, end to end, on real parts: from three institutions' reports to a doctor's prompt.

    python deploy/demo/demo.py            # run it and end            (make demo)
    python deploy/demo/demo.py --serve    # the same registry, kept running on port 7443   (make serve)

Everything that it makes lies under var/demo/ and certs/; nobody in it exists. Exit status 0, or 1 when a step failed.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy" / "dev"), str(Path(__file__).resolve().parent)]

from hutong.v1.reuse_service_pb2 import OpenChartResponse  # noqa: E402
from hutong_client.city import ZONE, City  # noqa: E402  the two directories above come first
from hutong_client.city.files import write  # noqa: E402
from hutong_client.clients import HutongClient  # noqa: E402
from hutong_client.errors import HutongCallError  # noqa: E402
from hutong_client.queries import call_context, patient_query  # noqa: E402
from make_certs import make_certs  # noqa: E402
from registry_process import Registry, RegistryFailed  # noqa: E402
from stage import Certificate, Stage, StepFailed, say  # noqa: E402
from story import SEED, Story, find_story  # noqa: E402

OpenChart = Callable[[], Awaitable[OpenChartResponse]]
Work = Callable[[OpenChart], Awaitable[float]]

PORT = 7443
PATIENTS, DAYS = 150, 90
REPEATS = 50
"""Charts opened to tell the time of one."""


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="From three institutions' reports to a doctor's prompt.")
    parser.add_argument("--serve", action="store_true", help=f"keep the registry running on port {PORT}")
    parser.add_argument("--home", type=Path, default=Path("var/demo"), help="directory to work in, made anew")
    parser.add_argument("--certs", type=Path, default=Path("certs"), help="directory of the certificates")
    parser.add_argument("--port", type=int, default=None, help="port; by default a free one, with --serve 7443")
    parser.add_argument("--lang", choices=("zh", "en"), default=None, help="language; by default the locale's")
    given = parser.parse_args()
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell without job control starts what runs in its background with SIGINT ignored; here it always ends.
    signal.signal(signal.SIGINT, _interrupt)
    stage = Stage(given.certs)
    registry = Registry(given.home, given.certs, given.port if given.port is not None else PORT if given.serve else 0)
    status = _guarded(stage, registry, lambda: _play(stage, registry, given.home, keep=given.serve))
    # Whatever happened before: the registry is ended.
    return _guarded(stage, registry, registry.end) or status


def _guarded(stage: Stage, registry: Registry, work: Callable[[], None]) -> int:
    try:
        work()
    except KeyboardInterrupt:
        stage.note(say("已中断。", "Interrupted."))
        return 130
    except (StepFailed, RegistryFailed) as failure:
        stage.failed(str(failure), registry.log_tail())
        return 1
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _play(stage: Stage, registry: Registry, home: Path, *, keep: bool) -> None:
    began = time.monotonic()
    city = City.make(SEED, datetime.now(ZONE), PATIENTS, days=DAYS)
    story = find_story(city)
    stage.title(
        say(
            "互通演示：三家机构上传报告，另一家机构打开病历",
            "Hutong: three institutions publish, a doctor somewhere else opens a chart",
        )
    )
    _prepare(stage, registry, home, story)
    _onboard(stage, home, city, story)
    _publish(stage, home, city, story)
    _open_chart(stage, registry, story)
    if keep:
        _keep(stage, registry, home, story)
        return
    stage.step(say("结束", "The end"))
    registry.end()
    seconds = time.monotonic() - began
    stage.note(
        say(f"平台已正常退出，用时 {seconds:.0f} 秒。", f"The registry ended by itself; {seconds:.0f} s in all.")
    )
    stage.hint(say("让它一直运行：make serve", "To keep the registry running: make serve"))


def _prepare(stage: Stage, registry: Registry, home: Path, story: Story) -> None:
    stage.step(say("证书、密钥、平台", "Certificates, keys, the registry"))
    clients = [("registry", ("admin", "monitor")), (story.asker.code, ("emr",))]
    clients += [(each.code, ("feed", "emr")) for each in story.publishers]
    make_certs(stage.certs, clients)
    stage.note(say(f"双向 TLS 证书在 {stage.certs}/", f"certificates for mutual TLS in {stage.certs}/"))
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    registry.start()
    stage.note(
        say(
            f"平台在 {registry.address} 运行，SQLite 数据库 {registry.database}",
            f"registry at {registry.address}, SQLite database {registry.database}",
        )
    )
    stage.registry = registry.address


def _onboard(stage: Stage, home: Path, city: City, story: Story) -> None:
    stage.step(say("登记机构和互认规则", "Institutions and rules, by the administrator"))
    admin = Certificate("registry", "admin")
    catalog = home / "catalog"
    catalog.mkdir(exist_ok=True)
    for name, content in city.catalog_files(story.taking_part).items():
        (catalog / name).write_bytes(content)
    stage.run(admin, "admin", "institution", "import", f"{catalog}/institutions.csv", last_lines=1)
    stage.run(admin, "admin", "rules", "import", "deploy/catalog/sample", last_lines=1)
    files = [f"{catalog}/{name}.csv" for name in ("mappings", "panels", "grants", "agreements")]
    stage.run(admin, "admin", "rules", "import", *files, last_lines=1)


def _publish(stage: Stage, home: Path, city: City, story: Story) -> None:
    stage.step(say("三家机构上传报告", "Three institutions publish"))
    written = sum(made.reports for made in write(city, home / "city", [each.code for each in story.publishers]))
    stage.note(
        say(
            f"虚构的云泽市：{len(city.patients)} 人，近 {city.days} 天 {written} 份报告（其中有意混入差错）",
            f"a made city of {len(city.patients)} people: {written} reports of {city.days} days, some faulty",
        )
    )
    for publisher in story.publishers:
        stage.note(publisher.name, above=True)
        # 1: some reports were refused, as those with a mistyped number and no other have to be.
        files = f"{home}/city/reports/{publisher.code}"
        stage.run(Certificate(publisher.code, "feed"), "publish", files, fine=(0, 1))
    stage.note(say("同样的报告再传一遍，什么也不会变：", "The same once more changes nothing:"), above=True)
    stage.run(Certificate(publisher.code, "feed"), "publish", files, fine=(0, 1))
    stage.run(Certificate("registry", "admin"), "admin", "institution", "list")


def _open_chart(stage: Stage, registry: Registry, story: Story) -> None:
    stage.step(say("另一家机构的医师打开病历", "A doctor at another institution opens a chart"))
    stage.note(story.asker.name)
    asyncio.run(_charts(stage, registry, story, partial(_until_heard, story)))
    emr = Certificate(story.asker.code, "emr")
    visit = ("--practitioner", "D1024", "--encounter", "E20260001")
    patient = story.patient_text()
    stage.run(emr, "chart", *visit, stdin=patient)
    answer = stage.ask(emr, "chart", *visit, "--all", stdin=patient)
    reasons = story.reasons(answer)
    stage.note(
        say("不能互认的原因（--all 逐项列出）：", "Why the others cannot be reused (--all lists each):"), above=True
    )
    for words, count in reasons:
        stage.note(f"  {count:>4}  {words}")
    milliseconds = asyncio.run(_charts(stage, registry, story, _median))
    stage.note(
        say(
            f"打开病历用时 {milliseconds:.1f} 毫秒（同一连接 {REPEATS} 次的中位数，含双向 TLS 和落盘的访问记录）",
            f"OpenChart took {milliseconds:.1f} ms (median of {REPEATS} over one connection, mutual TLS and the access "
            "record on disk included)",
        ),
        above=True,
    )
    _order(stage, story, visit)
    stage.step(say("其中一行背后的完整报告", "The whole report behind one line"))
    stage.run(emr, "report", story.report_to_show(answer), *visit)


def _order(stage: Stage, story: Story, visit: tuple[str, ...]) -> None:
    stage.step(say("医师开单：签署前问一次", "The doctor orders: one question before it is signed"))
    stage.note(
        say(
            "用本院自己的医嘱编码；已有可互认结果的逐项列出，没有的说明原因。",
            "In the hospital's own order codes: what is there already, item by item, and why the rest is not.",
        )
    )
    codes = [word for code in story.order_codes() for word in ("--code", code)]
    stage.run(Certificate(story.asker.code, "emr"), "order", *visit, *codes, stdin=story.patient_text())


async def _charts(stage: Stage, registry: Registry, story: Story, work: Work) -> float:
    """Runs `work` with a function that opens the chart over one connection."""
    certificate, key = stage.files(Certificate(story.asker.code, "emr"))
    patient = patient_query(
        story.identifiers(), birth_date=story.patient.birth_date.isoformat(), name=story.patient.name
    )
    context = call_context(practitioner="D1024", encounter="E20260001")
    files = {"ca": stage.certs / "ca.pem", "certificate": certificate, "key": key}
    async with HutongClient.connect(registry.address, **files) as client:
        try:
            return await work(lambda: client.open_chart(patient, context))
        except HutongCallError as error:
            raise StepFailed(f"OpenChart: {error}") from None


async def _until_heard(story: Story, open_chart: OpenChart) -> float:
    """Waits until answers know that the publishers were heard: which feeds are behind is looked at now and then."""
    publishers = {each.code for each in story.publishers}
    began = time.monotonic()
    while (waited := time.monotonic() - began) < 10:
        answer = await open_chart()
        behind = {feed.institution.code for source in answer.coverage for feed in source.feeds_behind}
        if not behind & publishers:
            break
        await asyncio.sleep(0.2)
    return waited


async def _median(open_chart: OpenChart) -> float:
    """Median milliseconds of an opening."""
    taken = []
    for number in range(REPEATS + 5):
        began = time.perf_counter()
        await open_chart()
        if number >= 5:  # the first ones warm the connection
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _keep(stage: Stage, registry: Registry, home: Path, story: Story) -> None:
    stage.step(say("平台保持运行，Ctrl-C 结束", "The registry keeps running; Ctrl-C ends it"))
    certificate, key = stage.files(Certificate(story.asker.code, "emr"))
    stage.note(say(f"以 {story.asker.name} 的身份使用命令行：", f"To use the CLI as {story.asker.name}:"))
    for name, value in (
        ("HUTONG_REGISTRY", registry.address),
        ("HUTONG_CA", stage.certs / "ca.pem"),
        ("HUTONG_CERT", certificate),
        ("HUTONG_KEY", key),
    ):
        stage.code(f"export {name}={value}")
    patient = home / "patient.txt"
    patient.write_bytes(story.patient_text())
    stage.code(f".venv/bin/hutong chart --practitioner D1024 --encounter E1 --patient-file {patient}")
    with contextlib.suppress(KeyboardInterrupt):
        registry.wait()


if __name__ == "__main__":
    sys.exit(main())
