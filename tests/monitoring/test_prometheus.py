"""Rules, page of metrics and alerts, by a real Prometheus from the system's packages."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from hutong_server.store.base import Writer

from tests.api.conftest import material, serials
from tests.api.documents import CATALOG, chart, lab_report, person, publish
from tests.api.site import ROOT, Material, Site, refused, start_site

__all__ = ["material", "serials"]

RULES = ROOT / "deploy" / "prometheus"
PROGRAMS = os.pathsep.join((os.environ["PATH"], str(ROOT / "build" / "system" / "usr" / "bin")))
PROMTOOL, PROMETHEUS = (shutil.which(name, path=PROGRAMS) or "" for name in ("promtool", "prometheus"))
RUNBOOKS = ROOT / "docs" / "operations.md"
HOUR = 3_600_000

pytestmark = pytest.mark.skipif(
    not (PROMTOOL and PROMETHEUS),
    reason="prometheus is not here; `make packages` gets it on Debian",
)


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What it says; fails the test when it complains."""
    done = subprocess.run(
        [PROMTOOL, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", RULES / "alerting_rules.yml", RULES / "recording_rules.yml")
    promtool("check", "config", RULES / "prometheus.yml")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("cases", ["alerts.yml", "alerts_of_days.yml"])
def test_alerts_fire_when_they_should_and_not_when_it_was_near(cases: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", Path(__file__).with_name(cases))


def test_cases_name_the_order_in_which_groups_are_evaluated() -> None:
    """What they do not name, promtool evaluates in any order, and an alert fires in one run and not in the next."""
    files = [yaml.safe_load((RULES / f"{name}_rules.yml").read_text("utf-8")) for name in ("recording", "alerting")]
    groups = [group["name"] for each in files for group in each["groups"]]
    for cases in Path(__file__).parent.glob("alerts*.yml"):
        assert yaml.safe_load(cases.read_text("utf-8"))["group_eval_order"] == groups, cases.name


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / "alerting_rules.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_has_its_cases_and_its_runbook() -> None:
    cases = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("alerts*.yml"))
    headings = set(re.findall(r"^#+ (\w+)$", RUNBOOKS.read_text("utf-8"), re.MULTILINE))
    names = {alert["alert"] for alert in alerts()}
    for alert in alerts():
        name = alert["alert"]
        assert f"name: {name} fires\n" in cases, name
        assert f"name: {name} stays quiet\n" in cases, name
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
        assert alert["labels"]["severity"] in ("page", "ticket")
    assert names <= headings, names - headings


@pytest_asyncio.fixture(loop_scope="session")
async def site(material: Material, store_url: str) -> AsyncIterator[Site]:
    started = await start_site(material, store_url)
    await started.load(CATALOG)
    yield started
    await started.close()


def page(site: Site) -> str:
    assert site.registry is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{site.registry.metrics_port}/metrics", timeout=5) as read:
        text: str = read.read().decode()
    return text


async def test_the_page_passes_promtool_and_names_no_patient(site: Site, serials: Iterator[int]) -> None:
    patient = person(next(serials))
    await site.publishing("H1").PublishReport(publish(lab_report("page-1", patient)), timeout=10)
    await site.asking("H2").OpenChart(chart(patient), timeout=10)
    await refused(site.asking("H2", "feed").OpenChart(chart(patient), timeout=10))
    assert site.registry is not None
    await site.registry.observations.look()
    text = await asyncio.to_thread(page, site)
    assert promtool("check", "metrics", given=text) == ""
    labels = set(re.findall(r'[{,](\w+)="', text))
    assert labels <= LABELS, labels - LABELS
    for identifier in patient["identifier"]:
        assert identifier["value"] not in text


LABELS = {
    *(
        "grpc_type",
        "grpc_service",
        "grpc_method",
        "grpc_code",
        "le",
        "reason",
        "outcome",
        "tier",
        "category",
        "verdict",
    ),
    *("institution", "role", "item", "what", "state", "days_left", "certificate", "place", "stage", "kind"),
}
"""All labels that there are: none is of a patient, a practitioner or a code of a source."""


class Prometheus:
    """A real one, that scrapes a registry every second."""

    def __init__(self, directory: Path, target: int) -> None:
        directory.mkdir()
        rules = (RULES / "alerting_rules.yml").read_text("utf-8")
        (directory / "alerting_rules.yml").write_text(re.sub(r"\bfor: \w+", "for: 2s", rules))
        shutil.copy(RULES / "recording_rules.yml", directory)
        configuration = yaml.safe_load((RULES / "prometheus.yml").read_text("utf-8"))
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
        del configuration["alerting"]
        (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdout=log,
                stderr=log,
            )
        self.url = f"http://127.0.0.1:{self._port()}"

    def _port(self) -> str:
        for _ in range(300):
            for port in re.findall(r"address=127\.0\.0\.1:(\d+)", self._log.read_text()):
                if port != "0":
                    return str(port)
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def query(self, text: str) -> list[dict[str, Any]]:
        """The samples of a query now."""
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        with urllib.request.urlopen(url, timeout=10) as read:  # noqa: S310  of our own
            found: list[dict[str, Any]] = json.load(read)["data"]["result"]
        return found

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)


async def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if await asyncio.to_thread(true):
                return
        except OSError:
            pass
        await asyncio.sleep(0.3)
    raise AssertionError(what)


def _stopped(institution: str, hours: int) -> Callable[[Writer], None]:
    """Moves what was received from an institution into the past, as if nothing had come since."""

    def job(writer: Writer) -> None:
        for status in writer.feeds():
            if status.institution == institution:
                writer.put_feed(replace(status, last_received=status.last_received - hours * HOUR))

    return job


@pytest.mark.timeout(240)
async def test_an_alert_fires_when_a_feed_stops_and_clears_when_it_is_back(
    material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    site = await start_site(material, f"sqlite:///{tmp_path}/hutong.db")
    prometheus: Prometheus | None = None
    try:
        await site.load(CATALOG)
        await site.load({"declared.yaml": DECLARED})
        assert site.registry is not None
        registry = site.registry
        prometheus = await asyncio.to_thread(Prometheus, tmp_path / "prometheus", registry.metrics_port)
        patient = person(next(serials))
        await site.publishing("H1").PublishReport(publish(lab_report("alert-1", patient)), timeout=10)
        await registry.observations.look()

        firing = 'ALERTS{alertname="FeedSilent",institution="H1",alertstate="firing"}'
        heard = 'hutong_feed_behind{institution="H1"} == 0'
        await until(lambda: bool(prometheus.query(heard)), 30, "never scraped")
        assert prometheus.query(firing) == []
        await asyncio.wrap_future(registry.store.submit(_stopped("H1", 30)))
        await registry.observations.look()
        await until(lambda: bool(prometheus.query(firing)), 40, "the alert never fired")
        await site.publishing("H1").PublishReport(publish(lab_report("alert-2", patient)), timeout=10)
        await registry.observations.look()
        await until(lambda: not prometheus.query(firing), 40, "the alert never cleared")
    finally:
        if prometheus is not None:
            await asyncio.to_thread(prometheus.end)
        await site.close()


DECLARED = """
institutions:
  - {code: H1, name: 县人民医院, tier: secondary, region: "990400", feed_interval_hours: 24}
"""
