"""Pages of metrics: fetched, and what they say of the time between two of them.

A registry's page (text format of Prometheus, plain HTTP, docs/operations.md) stands for all its workers; several
registries on one database are read together. Counters that fell began anew, as Prometheus takes it.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Values = Mapping[str, Mapping[Labels, float]]
"""Metric → labels → value."""
_MOST_BYTES = 64 * 2**20
_COUNTED = ("counter", "histogram")
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Metrics are asked on this machine or in its network, whatever proxy the surroundings name."""


class NoPage(Exception):
    """A page could not be had. Says why."""


class Page(NamedTuple):
    """What one registry said at one time."""

    at: float
    """Of a clock that only goes forward, in seconds."""
    counted: Values
    """Counters and histograms."""
    gauges: Values


def fetch(url: str, timeout: float) -> Page:
    """Reads a page; takes `timeout` seconds a wait. Raises NoPage."""
    try:
        with _NO_PROXY.open(url, timeout=timeout) as answer:
            text = answer.read(_MOST_BYTES)
        return read(text.decode(), time.monotonic())
    except urllib.error.HTTPError as error:
        raise NoPage(f"HTTP {error.code}") from None
    except urllib.error.URLError as error:
        raise NoPage(_why(error.reason)) from None
    except (OSError, http.client.HTTPException) as error:
        raise NoPage(_why(error)) from None
    except ValueError:
        raise NoPage("not a page of metrics") from None


def read(text: str, at: float) -> Page:
    """A page of this text. Raises ValueError when it is none."""
    counted: dict[str, dict[Labels, float]] = {}
    gauges: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        target = counted if family.type in _COUNTED else gauges
        for sample in family.samples:
            target.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    if not counted and not gauges:
        raise ValueError("no metrics")
    return Page(at, counted, gauges)


def increase(pages: Sequence[Page]) -> Values:
    """By how much counters rose over pages of one registry, in the order of their times."""
    risen: dict[str, dict[Labels, float]] = {}
    for before, after in pairwise(pages):
        for name, series in after.counted.items():
            known, target = before.counted.get(name, {}), risen.setdefault(name, {})
            for labels, value in series.items():
                was = known.get(labels, 0.0)
                target[labels] = target.get(labels, 0.0) + (value - was if value >= was else value)
    return risen


def total(values: Values, name: str, by: str = "", **where: str) -> dict[str, float]:
    """Sums of a metric by one label ("": all together), of the series with these labels."""
    found: dict[str, float] = {}
    for labels, value in values.get(name, {}).items():
        given = dict(labels)
        if all(given.get(label) == wanted for label, wanted in where.items()):
            place = given.get(by, "")
            found[place] = found.get(place, 0.0) + value
    return found


def quantile(values: Values, name: str, share: float, **where: str) -> float | None:
    """The quantile of a histogram: within its bucket as if evenly spread, as PromQL's histogram_quantile; None without
    any observation. Above the last bound: that bound."""
    buckets = sorted((_bound(le), count) for le, count in total(values, f"{name}_bucket", "le", **where).items())
    whole = buckets[-1][1] if buckets else 0.0
    if whole <= 0:
        return None
    rank, lower, before = share * whole, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * ((rank - before) / (count - before) if count > before else 1.0)
        lower, before = bound, count
    return lower


def added(pages: Iterable[Values], share: Sequence[float] = ()) -> Values:
    """The sums of several registries' values, each multiplied by its `share` where one is given."""
    found: dict[str, dict[Labels, float]] = {}
    for number, page in enumerate(pages):
        factor = share[number] if share else 1.0
        for name, series in page.items():
            target = found.setdefault(name, {})
            for labels, value in series.items():
                target[labels] = target.get(labels, 0.0) + value * factor
    return found


def agreed(pages: Iterable[Values], least: frozenset[str]) -> Values:
    """Gauges of several registries on one database as one: what all of them see. The greatest, of `least` the least."""
    found: dict[str, dict[Labels, float]] = {}
    for page in pages:
        for name, series in page.items():
            target, choose = found.setdefault(name, {}), min if name in least else max
            for labels, value in series.items():
                target[labels] = choose(target.get(labels, value), value)
    return found


def _why(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__


def _bound(le: str) -> float:
    return float("inf") if le == "+Inf" else float(le)
