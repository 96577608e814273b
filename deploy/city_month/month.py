"""A month of the made city, from the first chart to the last late decision (make city-month).

    python deploy/city_month/month.py --visits 3000 --seed 1 --acceptance middle

A registry with 839 institutions, over mutual TLS, by a clock of its own. The same seed comes to the same month. It ends
with build/city-month.md and .json; what is assumed and where it is from: docs/city-month.md. Exit status 1 when what
the month counted is not what StatisticsService says, or a call failed.
"""

import argparse
import asyncio
import copy
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE)]

from agenda import BEGIN, END, Agenda  # noqa: E402  the directory above comes first
from clients import Clients  # noqa: E402
from clock import Clock  # noqa: E402
from doctors import PUBLISHED, Propensities  # noqa: E402
from hutong_client.city import SCALES  # noqa: E402
from hutong_client.city.flow import Flow  # noqa: E402
from hutong_client.city.model import MadeReport  # noqa: E402
from hutong_client.cli.language import say  # noqa: E402
from hutong_client.errors import HutongCallError  # noqa: E402
from hutong_client.statistics import statistics_filter  # noqa: E402
from premises import OPERATOR, SAMPLE, RegistryFailed, authority_in, copied, lay_down, registry_in  # noqa: E402
from prices import Prices  # noqa: E402
from report import Course, Month, figures, run_of  # noqa: E402
from surgery import Surgery  # noqa: E402
from tally import Tally, compare, day_of  # noqa: E402
from telling import as_markdown, as_text  # noqa: E402
from world import World  # noqa: E402

VISITS = 3000
"""About five minutes on two slow cores."""
HISTORY = 60
"""Days before the month: the longest window of the sample catalogue."""
_COUNTED = 600.0
"""Seconds until statistics are counted, at most."""


def main() -> int:
    """The program."""
    given = _arguments()
    os.chdir(ROOT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        month = asyncio.run(_month(given))
    except KeyboardInterrupt:
        return 130
    except (HutongCallError, RegistryFailed, ExceptionGroup) as error:
        for each in error.exceptions if isinstance(error, ExceptionGroup) else (error,):
            print(say("失败：", "Failed: ") + f"{type(each).__name__}: {each}", file=sys.stderr)
        print(say("日志：", "Logs: ") + f"{given.home}/*/server.log", file=sys.stderr)
        return 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found, run = figures(month), run_of(month)
    told = json.dumps({"month": found, "run": run}, ensure_ascii=False, indent=1)
    given.out.with_suffix(".json").write_text(told + "\n", encoding="utf-8")
    given.out.with_suffix(".md").write_text(as_markdown(found, run), encoding="utf-8")
    print(as_text(found, run))
    print(say("报告：", "Report: ") + f"{given.out.with_suffix('.md')}, {given.out.with_suffix('.json')}")
    return 0 if month.agrees else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A month of the made city: what recognition is worth.")
    parser.add_argument("--visits", type=int, default=VISITS, help="visits at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same month")
    parser.add_argument("--scale", choices=SCALES, default="city", help="size of the city; city: 839 institutions")
    parser.add_argument("--history", type=int, default=HISTORY, help="days before the month that reports go back")
    parser.add_argument(
        "--acceptance", default="middle", metavar="low|middle|high|FRACTION",
        help=f"how often a doctor recognises at the first question: {PUBLISHED} or a fraction",
    )  # fmt: skip
    parser.add_argument("--home", type=Path, default=Path("var/city-month"), help="directory to work in, made anew")
    parser.add_argument("--out", type=Path, default=Path("build/city-month"), help="report, .md and .json")
    parser.add_argument("--lang", choices=("zh", "en"), default=None, help="language; by default the locale's")
    given = parser.parse_args()
    if given.visits < 1 or given.history < 1:
        parser.error("--visits and --history are 1 or more")
    try:
        given.recognize = PUBLISHED.get(given.acceptance) or float(given.acceptance)
    except ValueError:
        parser.error(f"--acceptance is one of {', '.join(PUBLISHED)}, or a fraction")
    if not 0 <= given.recognize <= 1:
        parser.error("--acceptance is between 0 and 1")
    return given


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


async def _month(given: argparse.Namespace) -> Month:
    agenda = Agenda(given.seed, given.visits, given.scale, given.history)
    city = agenda.city
    _note(
        say(
            f"云泽市：{len(city.institutions)} 家机构，{len(city.patients)} 人，一个月 {len(agenda.calls)} 次就诊",
            f"Yunze: {len(city.institutions)} institutions, {len(city.patients)} people, {len(agenda.calls)} visits",
        )
    )
    shutil.rmtree(given.home, ignore_errors=True)
    home, without = given.home / "with", given.home / "without"
    home.mkdir(parents=True)
    stage = Stage(agenda, Propensities(recognize=given.recognize), Clients(authority_in(given.home / "certs")))
    flow = city.flow()
    async with stage.registry(home) as clock:
        waiting, laid = await lay_down(agenda, flow, stage.clients, clock, stage.prices, _every(1000))
    _note(
        say(
            f"规则 {laid['catalog seconds']} 秒，历史报告 {laid['reports']} 份 {laid['history seconds']} 秒",
            f"rules in {laid['catalog seconds']} s, {laid['reports']} earlier reports in {laid['history seconds']} s",
        )
    )
    copied(home, without)
    flows = copy.deepcopy(flow)
    courses = [
        await stage.course(home, flow, waiting, shown=True),
        await stage.course(without, flows, waiting, shown=False),
    ]
    return Month(agenda, stage.propensities, laid, stage.clients, *courses)


class Stage:
    """What both courses of the month have in common."""

    def __init__(self, agenda: Agenda, propensities: Propensities, clients: Clients) -> None:
        self.agenda, self.propensities, self.clients = agenda, propensities, clients
        self.prices = Prices(SAMPLE / "prices.yaml", agenda.city.institutions)
        self._tiers = {each.code: each.tier for each in agenda.city.institutions}

    @asynccontextmanager
    async def registry(self, home: Path) -> AsyncIterator[Clock]:
        """A registry that runs, by a clock that stands at the beginning of the month or where it stood."""
        clock = Clock(home / "clock")
        clock.set(BEGIN - timedelta(minutes=1))
        registry = registry_in(home, self.clients.authority.directory)
        try:
            registry.start()
            self.clients.registry = registry.address
            yield clock
        finally:
            await self.clients.close()
            registry.end()

    async def course(self, home: Path, flow: Flow, waiting: list[MadeReport], *, shown: bool) -> Course:
        """The month once; `shown`: whether doctors see what the registry answers."""
        tally = Tally()
        surgery = Surgery(self.clients, self._tiers, self.prices, tally, shown=shown)
        calls, began = self.clients.calls.copy(), time.monotonic()
        async with self.registry(home) as clock:
            world = World(self.agenda, flow, waiting, surgery, self.clients, clock, self.propensities)
            happened = await world.run(_every(500))
            seconds = time.monotonic() - began
        checked = await self._checked(home, tally) if shown else {}
        made = self.clients.calls - calls
        what = say("有平台", "with the registry") if shown else say("没有平台", "without the registry")
        _note(
            say(
                f"{what}：{made.total()} 次调用，{seconds:.0f} 秒，每秒 {made.total() / seconds:.0f} 次",
                f"{what}: {made.total()} calls in {seconds:.0f} s, {made.total() / seconds:.0f} a second",
            )
        )
        return Course(happened, tally, surgery, checked, made, seconds)

    async def _checked(self, home: Path, tally: Tally) -> dict[str, Any]:
        """What StatisticsService says beside the month's own count, once it has counted everything.

        The registry is started anew: one that has just counted much rests for long before it counts again.
        """
        first_day, last_day = day_of(BEGIN), day_of(END - timedelta(days=1))
        async with self.registry(home) as clock:
            last = datetime.fromtimestamp(clock.read() / 1000, tz=UTC)
            clock.set(last + timedelta(minutes=10))
            client = self.clients.of(*OPERATOR)
            until = time.monotonic() + _COUNTED
            while time.monotonic() < until:
                answer = await client.statistics.counts(statistics_filter(first_day, last_day))
                if answer.HasField("counted_until") and answer.counted_until.ToDatetime(UTC) >= last:
                    return await compare(tally, client, first_day, last_day)
                await asyncio.sleep(1)
            raise RuntimeError("the statistics were not counted in time: nothing was compared")


def _every(step: int) -> Callable[[int], None]:
    """Tells a number now and then."""
    told = 0

    def tell(number: int) -> None:
        nonlocal told
        if number // step > told:
            told = number // step
            _note(f"  … {number}")

    return tell


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
