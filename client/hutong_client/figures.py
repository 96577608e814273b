"""What `hutong top` shows, worked out from pages of metrics: rates, latencies, errors, feeds, recognition."""

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hutong_client.metrics import NoPage, Page, Values, added, agreed, increase, quantile, total

WINDOW = 30.0
"""Seconds over which rates and latencies are taken."""
_LEAST = frozenset(
    {"hutong_serving", "hutong_rules_version", "hutong_certificate_seconds_left", "hutong_disk_free_bytes"}
)
_SECONDS = "grpc_server_handling_seconds"
_UNARY = "unary"
_LINES = ("returned", "opened", "recognized", "repeated", "refused")


class Method(NamedTuple):
    """Calls of one method."""

    name: str
    per_second: float
    failed_per_second: float
    """Ended otherwise than OK, by any cause."""
    p50: float | None
    """Seconds; None without calls, and for streams."""
    p99: float | None


class Rate(NamedTuple):
    """Something that happens."""

    name: str
    per_second: float
    ever: float
    """How often since the registries started."""


class Feed(NamedTuple):
    """An institution's feed."""

    institution: str
    last_received: float
    """Seconds since 1970; 0: never."""
    behind: bool
    """Silent for longer than its habit."""


@dataclass(slots=True)
class Source:
    """One page that is read again and again."""

    url: str
    pages: "deque[Page]" = field(default_factory=deque)
    fault: str = ""
    """Why it was not there the last time; empty when it was."""
    since: float = 0.0
    """When it went away, in seconds since 1970."""

    def take(self, page: Page | NoPage) -> None:
        """Takes what came of a look."""
        if isinstance(page, NoPage):
            self.since = self.since if self.fault else time.time()
            self.fault = str(page)
            # What it counts from now on says nothing of the time without it.
            self.pages.clear()
            return
        self.fault = ""
        self.pages.append(page)
        while len(self.pages) > 2 and page.at - self.pages[1].at >= WINDOW:
            self.pages.popleft()

    @property
    def seconds(self) -> float:
        """Of what its pages span."""
        return self.pages[-1].at - self.pages[0].at if self.pages else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything at one time."""

    at: float
    """Seconds since 1970."""
    seconds: float
    """What rates and latencies are taken over; 0: not known yet."""
    serving: bool
    rules_version: int
    calls: float
    """A second."""
    failed: float
    in_flight: float
    waiting: float
    """Write jobs that wait for a commit."""
    loop_p99: float | None
    """How late the event loop is, in seconds."""
    checkpoint: float
    """When the ledger last became durable, in seconds since 1970; 0: nothing yet."""
    certificate_days: float | None
    """Until the first of the registry's own certificates ends."""
    methods: tuple[Method, ...]
    """The busiest first."""
    errors: tuple[Rate, ...]
    """By reason or status, the most frequent now first."""
    prompts: tuple[Rate, ...]
    """By outcome."""
    published: tuple[Rate, ...]
    """By outcome."""
    feeds: tuple[Feed, ...]
    """Those that are behind first, the longest silent first; then by silence."""
    held: float
    reviews: float
    unmapped: float
    """Results a second."""
    recognition: Mapping[str, float]
    """Lines of prompts of the last seven days and today: returned, opened, recognized, repeated, refused."""
    savings: float
    """Yuan of the same days."""


def reading(sources: Sequence[Source]) -> Reading | None:
    """What the sources that are there say together; None when none is."""
    there = [source for source in sources if source.pages]
    if not there:
        return None
    gauges = [source.pages[-1].gauges for source in there]
    now, each_own = agreed(gauges, _LEAST), added(gauges)
    ever = added(source.pages[-1].counted for source in there)
    moving = [source for source in there if source.seconds > 0]
    rates = added((increase(source.pages) for source in moving), [1 / source.seconds for source in moving])
    codes = total(rates, "grpc_server_handled_total", "grpc_code")
    days = [left / 86_400 for left in total(now, "hutong_certificate_seconds_left", "certificate").values()]
    return Reading(
        at=time.time(),
        seconds=max(source.seconds for source in there),
        serving=_one(now, "hutong_serving") > 0,
        rules_version=int(_one(now, "hutong_rules_version")),
        calls=sum(codes.values()),
        failed=sum(rate for code, rate in codes.items() if code != "OK"),
        in_flight=_one(each_own, "hutong_calls_in_flight"),
        waiting=_one(each_own, "hutong_write_jobs_waiting"),
        loop_p99=quantile(rates, "hutong_event_loop_lag_seconds", 0.99),
        checkpoint=_one(now, "hutong_ledger_last_checkpoint_timestamp_seconds"),
        certificate_days=min(days, default=None),
        methods=_methods(rates),
        errors=_errors(rates, ever),
        prompts=_by(rates, ever, "hutong_prompts_total", "outcome"),
        published=_by(rates, ever, "hutong_reports_published_total", "outcome"),
        feeds=_feeds(now),
        held=_one(now, "hutong_reports_held"),
        reviews=_one(now, "hutong_reviews_open"),
        unmapped=sum(total(rates, "hutong_results_unmapped_total").values()),
        recognition={what: total(now, "hutong_recent_lines", what=what).get("", 0.0) for what in _LINES},
        savings=sum(total(now, "hutong_recent_savings_yuan").values()),
    )


def _one(values: Values, name: str) -> float:
    found = total(values, name).get("", 0.0)
    return 0.0 if math.isnan(found) else found


def _methods(rates: Values) -> tuple[Method, ...]:
    calls = total(rates, "grpc_server_handled_total", "grpc_method")
    good = total(rates, "grpc_server_handled_total", "grpc_method", grpc_code="OK")
    found = []
    for name, rate in calls.items():
        # The length of a stream is its caller's choice.
        of = {"grpc_method": name, "grpc_type": _UNARY}
        found.append(
            Method(
                name,
                rate,
                max(0.0, rate - good.get(name, 0.0)),
                quantile(rates, _SECONDS, 0.5, **of),
                quantile(rates, _SECONDS, 0.99, **of),
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.per_second, each.name)))


def _errors(rates: Values, ever: Values) -> tuple[Rate, ...]:
    """Refusals by their reason, connections that failed in TLS, calls that were given up."""
    reasons = _by(rates, ever, "hutong_calls_refused_total", "reason")
    statuses = _by(rates, ever, "grpc_server_handled_total", "grpc_code")
    handshakes = _by(rates, ever, "hutong_handshakes_refused_total", "reason")
    found = [
        *reasons,
        *(each._replace(name=f"TLS {each.name}") for each in handshakes),
        # The caller went away: nobody was refused anything.
        *(each for each in statuses if each.name == "CANCELLED"),
    ]
    return tuple(sorted((each for each in found if each.ever), key=lambda each: (-each.per_second, -each.ever)))


def _by(rates: Values, ever: Values, name: str, label: str) -> tuple[Rate, ...]:
    now, whole = total(rates, name, label), total(ever, name, label)
    found = [Rate(each, now.get(each, 0.0), count) for each, count in whole.items()]
    return tuple(sorted(found, key=lambda each: (-each.per_second, -each.ever, each.name)))


def _feeds(values: Values) -> tuple[Feed, ...]:
    received = total(values, "hutong_feed_last_received_timestamp_seconds", "institution")
    behind = total(values, "hutong_feed_behind", "institution")
    found = [Feed(code, at, behind.get(code, 0.0) > 0) for code, at in received.items()]
    # Who has never published has not begun: after those that fell silent.
    return tuple(sorted(found, key=lambda each: (not each.behind, each.last_received == 0, each.last_received)))
