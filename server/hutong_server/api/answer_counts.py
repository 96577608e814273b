"""What the metrics tell of the answers given: prompts by outcome, verdicts by reason."""

from collections import Counter

from hutong_server.telemetry import Metrics
from hutong_server.usecases.check_orders import OrdersAnswer
from hutong_server.usecases.open_chart import ChartAnswer

REUSABLE = "REUSABLE"


def count_chart(metrics: Metrics, found: ChartAnswer) -> None:
    """Counts a chart that was answered."""
    metrics.prompts.labels("chart", found.outcome.value).inc()
    _verdicts(metrics, {REUSABLE: len(found.prompted.lines)} | dict(found.prompted.against))


def count_orders(metrics: Metrics, found: OrdersAnswer) -> None:
    """Counts an answer to orders: what it speaks of, each result once."""
    metrics.prompts.labels("order", found.outcome.value).inc()
    verdicts = (judged.verdict for judged in found.checked.shown)
    _verdicts(metrics, Counter(REUSABLE if each.reusable else each.reasons[0].value for each in verdicts))


def _verdicts(metrics: Metrics, counted: dict[str, int]) -> None:
    for verdict, count in counted.items():
        if count:
            metrics.verdicts.labels(verdict).inc(count)
