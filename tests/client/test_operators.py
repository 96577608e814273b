"""What whoever runs a registry sees of it: `hutong top`, and institutions that are imported and shown.

Figures are as Prometheus works them out, from real pages; the registry goes away and comes back.
"""

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hutong.v1 import catalog_service_pb2 as catalog
from hutong.v1 import certificate_service_pb2 as certs
from hutong.v1 import statistics_service_pb2 as statistics
from hutong_client.city import City
from hutong_client.cli.institution_view import show_overview
from hutong_client.cli.top_view import dashboard
from hutong_client.figures import Source, reading
from hutong_client.metrics import NoPage, Page, added, increase, quantile, read, total
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from rich.cells import cell_len
from rich.console import Console

from tests.api.documents import lab_report, person
from tests.client.conftest import BIN, RegistryProcess, make_cli, onboard
from tests.client.test_cli import patient_text, write

WHO = ("--practitioner", "D7", "--encounter", "V1")


class Made:
    """A registry's metrics, by Prometheus' own library."""

    def __init__(self) -> None:
        self.all = CollectorRegistry()
        of = ("grpc_type", "grpc_service", "grpc_method")
        self.handled = Counter("grpc_server_handled", "", (*of, "grpc_code"), registry=self.all)
        self.seconds = Histogram(
            "grpc_server_handling_seconds", "", of, buckets=(0.01, 0.1, 1.0, 10.0), registry=self.all
        )
        self.refused = Counter("hutong_calls_refused", "", ("reason",), registry=self.all)
        self.serving = Gauge("hutong_serving", "", registry=self.all)
        self.in_flight = Gauge("hutong_calls_in_flight", "", registry=self.all)
        self.received = Gauge("hutong_feed_last_received_timestamp_seconds", "", ("institution",), registry=self.all)
        self.behind = Gauge("hutong_feed_behind", "", ("institution",), registry=self.all)
        self.lines = Gauge("hutong_recent_lines", "", ("institution", "what"), registry=self.all)
        self.reviews = Gauge("hutong_reviews_open", "", registry=self.all)
        self.serving.set(1)
        self.reviews.set(float("nan"))

    def call(self, method: str, seconds: float, count: int = 1, code: str = "OK", kind: str = "unary") -> None:
        of = (kind, "hutong.v1.S", method)
        for _ in range(count):
            self.handled.labels(*of, code).inc()
            self.seconds.labels(*of).observe(seconds)

    def page(self, at: float) -> Page:
        return read(generate_latest(self.all).decode(), at)


def source(*pages: Page) -> Source:
    made = Source("http://a/metrics")
    for page in pages:
        made.take(page)
    return made


def test_rates_and_latencies_are_those_of_the_time_between_two_looks() -> None:
    made = Made()
    made.call("OpenChart", 5.0, 100)
    before = made.page(100.0)
    made.call("OpenChart", 0.05, 10)
    made.call("OpenChart", 0.5, 10, "DEADLINE_EXCEEDED")
    made.call("PublishReports", 600.0, 5, kind="bidi_stream")
    made.refused.labels("DEADLINE_TOO_SHORT").inc(10)
    found = reading([source(before, made.page(110.0))])
    assert found is not None
    assert (found.seconds, found.calls, found.failed, found.serving, found.reviews) == (10.0, 2.5, 1.0, True, 0)
    chart, stream = found.methods
    assert (chart.name, chart.per_second, chart.failed_per_second) == ("OpenChart", 2.0, 1.0)
    # Half of them within (0.01, 0.1], the other half within (0.1, 1]: as histogram_quantile spreads them.
    assert (chart.p50, chart.p99) == (pytest.approx(0.1), pytest.approx(0.1 + 0.9 * 0.98))
    assert (stream.name, stream.p50) == ("PublishReports", None)
    assert [(each.name, each.per_second, each.ever) for each in found.errors] == [("DEADLINE_TOO_SHORT", 1.0, 10.0)]


def test_a_quantile_without_calls_is_none_and_above_the_last_bound_is_that_bound() -> None:
    made = Made()
    made.call("OpenChart", 0.5)
    assert quantile(increase([made.page(0), made.page(1)]), "grpc_server_handling_seconds", 0.5) is None
    before = made.page(0)
    made.call("OpenChart", 99.0, 3)
    assert quantile(increase([before, made.page(1)]), "grpc_server_handling_seconds", 0.99) == 10.0


def test_a_registry_that_began_anew_is_counted_from_nought() -> None:
    old, new = Made(), Made()
    old.call("OpenChart", 0.05, 100)
    new.call("OpenChart", 0.05, 7)
    risen = increase([old.page(0), new.page(10)])
    assert total(risen, "grpc_server_handled_total") == {"": 7.0}


def test_registries_on_one_database_are_added_where_each_has_its_own_and_agree_on_the_rest() -> None:
    one, other = Made(), Made()
    sources = [source(one.page(0)), source(other.page(0))]
    one.call("OpenChart", 0.05, 10)
    other.call("OpenChart", 0.05, 20)
    one.in_flight.set(2)
    other.in_flight.set(3)
    for each, at in ((one, 100.0), (other, 200.0)):
        each.received.labels("H1").set(at)
        each.lines.labels("H1", "returned").set(8)
        each.lines.labels("H2", "returned").set(1)
    other.serving.set(0)
    sources[0].take(one.page(10))
    sources[1].take(other.page(10))
    found = reading(sources)
    assert found is not None
    assert (found.calls, found.in_flight, found.serving, found.recognition["returned"]) == (3.0, 5.0, False, 9.0)
    assert [(feed.institution, feed.last_received) for feed in found.feeds] == [("H1", 200.0)]
    # What is away is left out, and what it counts when it is back says nothing of the time between.
    sources[1].take(NoPage("gone"))
    assert reading(sources).calls == 1.0  # type: ignore[union-attr]
    other.call("OpenChart", 0.05, 1000)
    sources[1].take(other.page(20))
    assert reading(sources).calls == 1.0  # type: ignore[union-attr]
    assert added([{"x": {(): 1.0}}], [0.5]) == {"x": {(): 0.5}}


def test_rates_are_of_the_last_half_minute() -> None:
    made, seen = Made(), source()
    for second in range(0, 100, 2):
        seen.take(made.page(second))
        if second == 40:
            made.call("OpenChart", 0.05, 1000)
    assert 30 <= seen.seconds <= 32
    assert reading([seen]).calls == 0  # type: ignore[union-attr]


def test_the_longest_silent_feed_leads_and_a_small_screen_is_not_overrun() -> None:
    made = Made()
    now = time.time()
    for number in range(60):
        made.received.labels(f"F{number:02}").set(now - 60 * number)
        made.behind.labels(f"F{number:02}").set(number in (20, 30))
    made.received.labels("NEW").set(0)
    for number in range(30):
        made.call(f"Method{number:02}", 0.05)
    for number in range(5):
        made.refused.labels(f"REASON_{number}").inc()
    # One that is away takes a line of the head.
    seen = [source(made.page(0), made.page(10)), source()]
    seen[1].take(NoPage("no answer in time"))
    found = reading(seen)
    assert found is not None
    assert [feed.institution for feed in found.feeds[:3]] == ["F30", "F20", "F59"]
    assert found.feeds[-1].institution == "NEW"
    for width, height in ((80, 24), (100, 30), (200, 60)):
        for language in ("zh", "en"):
            console = Console(width=width, color_system=None, record=True, file=io.StringIO())
            console.print(dashboard(found, seen, language, height=height, width=width))  # type: ignore[arg-type]
            lines = console.export_text().splitlines()
            assert len(lines) <= height, (width, height, language)
            assert any("F30" in line for line in lines)


@pytest.fixture(scope="module")
def watched(start_registry: Callable[..., RegistryProcess], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A registry with a page of metrics, to which H1 has published."""
    started = start_registry(HUTONG_METRICS_LISTEN="127.0.0.1:0")
    onboard(started, tmp_path_factory.mktemp("catalog"))
    folder = tmp_path_factory.mktemp("reports")
    write(folder, "1.json", lab_report("top-1", person(880)))
    run = make_cli(started)
    run("publish", folder, institution="H1", role="feed")
    # What came in is written down once a second, and is counted before a test kills the registry.
    for _ in range(20):
        found = json.loads(run("admin", "institution", "show", "H1", "--json", institution="H1").stdout)
        if found["intake"]["reports"] != "0":
            break
        time.sleep(0.5)
    return started


def page_of(registry: RegistryProcess) -> str:
    line = next(line for line in reversed(registry.log) if line.startswith("listening"))
    return f"http://127.0.0.1:{line.split('metrics on ')[1].split(',')[0].strip()}/metrics"


def test_it_says_that_the_registry_is_away_and_goes_on_and_ends_cleanly(watched: RegistryProcess) -> None:
    """In a terminal: stopped, killed, started again on the same port; then ^C."""
    url = page_of(watched)
    watched.settings["HUTONG_METRICS_LISTEN"] = url.split("//")[1].removesuffix("/metrics")
    with Terminal("top", "--metrics", url, "--interval", "0.2", "--lang", "en") as screen:
        screen.wait_for("serving")
        watched.stop(signal.SIGKILL)
        screen.wait_for("does not answer since")
        screen.wait_for("as of")
        watched.start()
        screen.wait_for("serving")
        screen.type(b"\x03")
        assert screen.ended() == 0
        # The screen of before is back, with its cursor.
        assert screen.all.rstrip().endswith((b"\x1b[?1049l", b"\x1b[?25h"))
    # Started anew, it looks at the feeds by and by.
    run = make_cli(watched)
    run("chart", *WHO, institution="H2", role="emr", stdin=patient_text(880))
    top = ("top", "--metrics", url, "--once", "--interval", "0.2")
    for _ in range(30):
        found = json.loads(run(*top, "--json").stdout)
        if found["feeds"]:
            break
    assert found["unreachable"] == {}
    heard = {each["institution"]: each["last_received"] > 0 for each in found["feeds"]}
    assert heard == {"H1": True, "H2": False, "T1": False}
    assert [each["name"] for each in found["methods"]] == ["OpenChart"]
    shown = run(*top, "--lang", "en").stdout
    assert re.search(r"OpenChart +0\.0", shown)
    assert "3 institutions" in shown
    assert "\x1b" not in shown
    gone = run("top", "--metrics", "http://127.0.0.1:9", "--once", "--lang", "en", status=3)
    assert "http://127.0.0.1:9/metrics: Connection refused" in gone.stderr


def test_a_citys_institutions_are_imported_in_one_go_with_a_report(watched: RegistryProcess, tmp_path: Path) -> None:
    run = make_cli(watched)
    whole = City.make(seed=1, scale="city", patients=1).catalog_files()["institutions.csv"].decode()
    lines = whole.splitlines()
    assert len(lines) - 1 >= 839
    # Whatever the file is called.
    file = tmp_path / "839.csv"

    def do(content: list[str], *more: str, status: int = 0) -> Any:
        file.write_text("\n".join(content) + "\n")
        return run("admin", "institution", "import", file, *more, status=status)

    wrong = [*lines]
    wrong[4] = wrong[4].replace(",tertiary,", ",hospital,").replace(",secondary,", ",hospital,")
    wrong[800] = re.sub(r",99\d+,", ",1,", wrong[800])
    refused = do(wrong, "--lang", "en", status=1)
    assert refused.stdout == ""
    places = re.findall(r"839\.csv:(\d+):(\d+): (.)", refused.stderr)
    assert [(row, text) for row, _, text in places] == [("5", "u"), ("801", '"')]
    began = time.monotonic()
    shown = do(lines, "--lang", "en").stdout
    assert time.monotonic() - began < 30
    assert re.search(rf"institution +{len(lines) - 1} +0 +0 +0\n", shown)
    lines[7] = re.sub(r"^([^,]+),[^,]+", r"\1,新名", lines[7])
    assert re.search(rf"institution +0 +0 +1 +{len(lines) - 2}\n", do(lines, "--dry-run", "--lang", "en").stdout)


def test_an_institution_is_shown_at_a_glance_to_whom_it_concerns(watched: RegistryProcess) -> None:
    run = make_cli(watched)
    show = ("admin", "institution", "show", "H1")
    found = json.loads(run(*show, "--json", institution="H1").stdout)
    assert found["institution"]["reports"] == "1"
    assert (found["intake"]["reports"], found["intake"]["late"]) == ("1", "1")
    assert [each["field"] for each in found["intake"]["issues"]] == ["performer"]
    assert (found["certificates"], found["unmapped"]["codes"]) == ([], 0)
    assert set(found["given"]) == set(found["received"]) > {"returned", "recognized"}
    other = run(*show, "--lang", "en", institution="H2").stdout
    assert "县医院" in other
    assert "Data quality" not in other


@pytest.mark.parametrize("language", ["zh", "en"])
def test_all_of_an_institution_fits_on_a_hundred_columns(language: Any) -> None:
    at = int(time.time())
    seen = catalog.GetInstitutionResponse(
        institution=catalog.Institution(
            code="990402-C01", name="云泽市新塍镇中心卫生院（社区卫生服务中心）", tier="TIER_TOWNSHIP", region="990402",
            alliances=["yunze-city", "yunze-east"], reports=12_345, held=3, feed_behind=True,
        ),
        certificates=[certs.Certificate(role=role, serial="7f" * 20) for role in ("emr", "feed")],
        intake=catalog.Intake(
            first_day="2026-10-24", last_day="2026-11-22", reports=1000, late=10, held=3, rejected=20,
            issues=[catalog.IntakeIssue(reason="FIELD_RECOMMENDED", field="effective[x]", reports=500)],
        ),
    )  # fmt: skip
    seen.institution.last_received_at.FromSeconds(at - 7200)
    for number, each in enumerate(seen.certificates):
        each.not_before.FromSeconds(at - 86_400)
        each.not_after.FromSeconds(at + 3600 + number * 90 * 86_400)
    unmapped = catalog.ListUnmappedCodesResponse(unmapped_per_mille={"990402-C01": 123})
    for number in range(12):
        unmapped.codes.add(code=f"LIS-{number:04}", display="糖化血红蛋白", occurrences=100 - number)
    counts = statistics.StatisticsRow(
        counts=statistics.StatisticsCounts(returned=123_456, opened=100_000, recognized=65_432, savings_fen=123_456_789)
    )
    console = Console(width=100, color_system=None, record=True, file=io.StringIO())
    show_overview(seen, unmapped, counts, counts, console, language)
    text = console.export_text()
    assert max(map(cell_len, text.splitlines())) <= 100
    # Each row of a table is one line: what names a row and what ends it stand together.
    for first, last in (("emr", "7f" * 20), ("LIS-0009", "91"), ("2026-10-24", "2026-11-22")):
        assert any(first in line and last in line for line in text.splitlines()), text
    assert sum("1,234,567.89" in line and "53.0 %" in line for line in text.splitlines()) == 2
    assert "LIS-0010" not in text
    assert "12.3 %" in text


class Terminal:
    """`hutong` in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._fd, inner = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": "100"}
        self._process = subprocess.Popen(
            [BIN / "hutong", *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(inner)
        self.all = b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._fd)

    def wait_for(self, words: str, seconds: float = 60) -> None:
        """Reads until the words come, from now on."""
        start, until = len(self.all), time.monotonic() + seconds
        while words.encode() not in self.all[start:]:
            assert time.monotonic() < until, self.all[-2000:].decode(errors="replace")
            self._read()

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def ended(self, seconds: float = 20) -> int:
        """Its exit status."""
        until = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < until:
            self._read()
        while self._read():
            pass
        return self._process.wait(1)

    def _read(self) -> bytes:
        if not select.select([self._fd], [], [], 0.1)[0]:
            return b""
        try:
            said = os.read(self._fd, 65_536)
        except OSError:  # Linux: the other end is closed
            return b""
        self.all += said
        return said


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Who starts the tests in the background has them ignore it, and with them whatever they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
