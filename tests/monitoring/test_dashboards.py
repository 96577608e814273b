"""Dashboards: their form, and every query of every panel on a real Prometheus that scrapes a registry with traffic."""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hutong.v1 import reuse_service_pb2
from hutong_server.app import now
from hutong_server.store.base import Writer
from hutong_server.store.base_certificates import CertificateRow

from tests.api.conftest import material, serials
from tests.api.documents import CATALOG, SODIUM, chart, context, lab_report, person, publish
from tests.api.site import ROOT, Material, Site, outcome, refused, start_site
from tests.api.test_orders import ORDER_CODES, checking, order
from tests.monitoring.test_prometheus import PROMETHEUS, Prometheus, until

__all__ = ["material", "serials"]

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
VALUES = {"$__rate_interval": "20s", "$__range": "1h", "$institution": "H2"}
"""What Grafana puts in place of its variables."""
INTERACTIVE = ("stat", "table", "bargauge")
DAY = 24 * 3600 * 1000


def dashboard(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def queries() -> dict[str, str]:
    """Every query of every panel and variable, by where it stands."""
    found = {}
    for path in DASHBOARDS:
        board = dashboard(path)
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                found[f"{path.stem}: {panel['title']} {target['refId']}"] = target["expr"]
        for variable in board["templating"]["list"]:
            [metric] = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()[:1]  # type: ignore[union-attr]
            found[f"{path.stem}: ${variable['name']}"] = metric
    return found


def columns() -> dict[str, list[str]]:
    """The queries of each table. Its rows are put together by labels: all queries must have the same."""
    return {
        panel["title"]: [as_asked(target["expr"]) for target in panel["targets"]]
        for path in DASHBOARDS
        for panel in dashboard(path)["panels"]
        if panel["type"] == "table"
    }


def as_asked(query: str) -> str:
    """As Prometheus gets it. Nought in place of what is not there would hide a name that does not exist."""
    for name, value in VALUES.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query.removesuffix(" or vector(0)")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = dashboard(path)
    panels = board["panels"]
    assert board["uid"] == f"hutong-{path.stem}"
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"]["uid"] == "prometheus"
            assert all(bool(each.get("instant")) is (panel["type"] in INTERACTIVE) for each in panel["targets"])
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)


def test_every_institution_is_a_row_of_a_table_and_never_a_line_of_a_graph() -> None:
    """A city has 839: a graph shows the one that was chosen, or so many at most as its query says."""
    tables = 0
    for path in DASHBOARDS:
        for panel in dashboard(path)["panels"]:
            of_institutions = [
                each["expr"]
                for each in panel.get("targets", ())
                if "institution" in each.get("legendFormat", "") or re.match(r"\w+ by \(institution\)", each["expr"])
            ]
            if panel["type"] == "table":
                tables += bool(of_institutions)
                assert panel["options"]["footer"]["enablePagination"], panel["title"]
                assert panel["fieldConfig"]["defaults"]["custom"]["filterable"], panel["title"]
                continue
            for expr in of_institutions:
                assert re.search(r'institution="\$institution"|(top|bottom)k\(\d\d?,', expr), expr
    assert tables


def test_grafana_is_told_where_they_are() -> None:
    of = GRAFANA / "provisioning"
    [provider] = yaml.safe_load((of / "dashboards" / "hutong.yml").read_text("utf-8"))["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"]
    [source] = yaml.safe_load((of / "datasources" / "hutong.yml").read_text("utf-8"))["datasources"]
    assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def _certificate(writer: Writer) -> None:
    end = now() + DAY
    writer.put_certificate(CertificateRow("a1", "f1", "H2", "emr", "k", now() - DAY, end, "a1"))


async def _traffic(site: Site, patient: dict[str, Any], name: str) -> None:
    """What a doctor does, and some who may not."""
    assert site.registry is not None
    asking = site.asking("H2")
    answer = await asking.OpenChart(chart(patient, name), timeout=10)
    await asking.CheckOrders(checking(patient, order("LYTES"), request_id=name), timeout=10)
    sent = [
        reuse_service_pb2.Decision(
            prompt_id=answer.prompt_id,
            item=line.result.item.code,
            kind=reuse_service_pb2.DECISION_KIND_RECOGNIZED,
            decided_at=answer.judged_at,
        )
        for line in answer.lines
    ]
    if sent:  # what was decided is not offered again in the visit
        request = reuse_service_pb2.RecordDecisionsRequest(context=context(), decisions=sent)
        await asking.RecordDecisions(request, timeout=10)
    await refused(site.asking("H2", "feed").OpenChart(chart(patient), timeout=10))
    for _ in range(2):  # the second is one too many
        await outcome(site.asking("T1").OpenChart(chart(patient), timeout=10))
    site.registry.handshake_failed("CERTIFICATE_UNTRUSTED")
    await asyncio.to_thread(site.registry.counting.count)
    await site.registry.observations.look()
    await site.registry.expiry.look()


@pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not here; `make packages` gets it on Debian")
@pytest.mark.timeout(180)
async def test_every_query_of_every_panel_returns_data(
    material: Material, tmp_path: Path, serials: Iterator[int]
) -> None:
    limits = {"HUTONG_CALLS_PER_SECOND_OF": "T1=0.1", "HUTONG_CALLS_BURST": "1"}
    site = await start_site(material, f"sqlite:///{tmp_path}/hutong.db", **limits)
    prometheus: Prometheus | None = None
    try:
        await site.load({**CATALOG, **ORDER_CODES})
        assert site.registry is not None
        patient = person(next(serials))
        for identifier, more in (("1", {}), ("2", {"code": SODIUM, "days_ago": 8}), ("3", {"code": "99999-9"})):
            document = lab_report(f"seen-{identifier}", patient, **more)  # type: ignore[arg-type]
            await site.publishing("H2" if more else "H1").PublishReport(publish(document), timeout=10)
        await asyncio.wrap_future(site.registry.store.submit(_certificate))
        prometheus = await asyncio.to_thread(Prometheus, tmp_path / "prometheus", site.registry.metrics_port)
        await _traffic(site, patient, "before")
        await until(lambda: bool(prometheus.query("hutong_decisions_total")), 30, "never scraped")
        await _traffic(site, patient, "after")
        missing = {where: as_asked(query) for where, query in queries().items()}

        def all_there() -> bool:
            for where in list(missing):
                found = prometheus.query(missing[where])
                if any(math.isfinite(float(sample["value"][1])) for sample in found):
                    del missing[where]
            return not missing

        try:
            await until(all_there, 20, "")
        except AssertionError:
            pytest.fail(f"without data: {missing}")
        for where, expressions in columns().items():
            labels = {
                frozenset(sample["metric"]) - {"__name__"} for each in expressions for sample in prometheus.query(each)
            }
            assert len(labels) == 1, (where, labels)
    finally:
        if prometheus is not None:
            await asyncio.to_thread(prometheus.end)
        await site.close()
