"""What the month came to, in figures."""

import resource
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from agenda import Agenda
from clients import Clients
from doctors import HARD_STOP, PUBLISHED, Doctor, Propensities
from offers import EMERGENCY, RECOGNIZED, REPEATED, REVOKED, SILENT, Offer
from surgery import Surgery
from tally import Tally
from world import Happened

TIERS = ("tertiary", "secondary", "private", "township", "village", "laboratory_center")
DIRECTIONS = ("down", "same", "up", "center")


@dataclass(frozen=True, slots=True)
class Course:
    """One course of the month."""

    happened: Happened
    tally: Tally
    surgery: Surgery
    checked: dict[str, Any]
    calls: Counter[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Month:
    """Both courses, and what they stand on."""

    agenda: Agenda
    propensities: Propensities
    laid: Counter[str]
    clients: Clients
    with_it: Course
    without_it: Course

    @property
    def agrees(self) -> bool:
        """Whether the registry counted what happened, priced it as expected and refused nothing."""
        told = self.with_it.checked
        wrong = self.with_it.surgery.outcomes - Counter(recorded=self.with_it.surgery.outcomes["recorded"])
        return (
            bool(told["numbers"]) and not told["differences"] and not self.with_it.surgery.prices_differ and not wrong
        )


def figures(month: Month) -> dict[str, Any]:
    """Everything that is reported, without what differs from run to run."""
    calls, offers = month.agenda.calls, month.with_it.happened.offers
    asked = [each for each in offers if each.became != EMERGENCY]
    would = [each for each in month.without_it.happened.offers if each.became != EMERGENCY]
    questions = {each.question for each in asked}
    useful = {each.question for each in asked if each.became == RECOGNIZED}
    totals = month.with_it.checked["totals"]
    visits = Counter(call.institution.tier for call in calls)
    kept = [each for each in asked if each.became == RECOGNIZED]
    return {
        "city": {
            "institutions": Counter(each.tier for each in month.agenda.city.institutions),
            "people": len(month.agenda.city.patients),
            "visits": len(calls),
            "visits_with_orders": sum(bool(call.visit.orders) for call in calls),
            "orders": sum(len(call.visit.orders) for call in calls),
            "orders_dropped": month.with_it.happened.dropped,
            "emergencies": month.with_it.happened.emergencies,
            "visits_by_tier": visits,
            "reports_before": month.laid["reports"],
            "reports_with": month.with_it.happened.published,
            "reports_without": month.without_it.happened.published,
        },
        "propensities": asdict(month.propensities),
        "duplicates": {
            "without": _sum(would),
            "with_offered": _sum(asked),
            "avoided": _sum(kept),
            "repeated_on_a_ground": _sum(each for each in asked if each.became == REPEATED),
            "nothing_said": _sum(each for each in asked if each.became == SILENT),
            "taken_back": _sum(each for each in asked if each.became == REVOKED),
            "in_emergencies": _sum(each for each in offers if each.became == EMERGENCY),
        },
        "prompts": {
            "answers": totals["prompts"],
            "with_a_line": totals["reminders"],
            "questions": len(questions),
            "useful_questions": len(useful),
            "answers_per_visit": _ratio(totals["prompts"], len(calls)),
            "with_a_line_per_visit": _ratio(totals["reminders"], len(calls)),
            "questions_per_visit": _ratio(len(questions), len(calls)),
            "useful_of_questions": _ratio(len(useful), len(questions)),
            "recognized_per_100_answers": _ratio(100 * len(kept), totals["prompts"]),
            "yuan_per_recognition": _ratio(totals["savings_fen"] / 100, totals["recognized"]),
        },
        "by_tier": _by(asked, would, TIERS, lambda offer: offer.receiver),
        "by_direction": _by(asked, would, DIRECTIONS, lambda offer: offer.direction),
        "by_order": _by(asked, would, sorted({each.order for each in would}), lambda offer: offer.order),
        "acceptance_varied": _varied(month, asked),
        "decisions_late": month.with_it.happened.late_decisions,
        "statistics": {"totals": totals, "rates": month.with_it.checked["rates"]},
        "check": {
            "groups": month.with_it.checked["groups"],
            "numbers": month.with_it.checked["numbers"],
            "differences": month.with_it.checked["differences"],
            "prices_differ": month.with_it.surgery.prices_differ,
            "outcomes": month.with_it.surgery.outcomes,
        },
    }


def _sum(found: Iterable[Offer]) -> dict[str, int]:
    offers = list(found)
    return {
        "orders": len({(each.visit, each.order) for each in offers}),
        "items": len(offers),
        "fen": sum(each.price or 0 for each in offers),
        "unpriced": sum(each.price is None for each in offers),
    }


def _by(
    offers: list[Offer], would: list[Offer], names: Iterable[str], of: Callable[[Offer], str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        here = [each for each in offers if of(each) == name]
        without = [each for each in would if of(each) == name]
        if here or without:
            kept = [each for each in here if each.became == RECOGNIZED]
            questions = {each.question for each in here}
            useful = {each.question for each in kept}
            found[name] = {
                "without": _sum(without),
                "offered": _sum(here), "avoided": _sum(kept), "questions": len(questions), "useful": len(useful)
            }  # fmt: skip
    return found


def _varied(month: Month, asked: list[Offer]) -> dict[str, dict[str, int | float]]:
    """The same questions to doctors who accept otherwise; what an avoided test changes later is left out."""
    found: dict[str, dict[str, int | float]] = {}
    seed = month.agenda.city.seed
    for name, base in (*PUBLISHED.items(), ("hard stop", HARD_STOP)):
        stop = name == "hard stop"  # does not tire, and leaves no choice for a part either
        given = Propensities(fatigue=1.0, partly=1.0) if stop else month.propensities
        kept = [
            each
            for each in asked
            if Doctor(seed, each.visit, given).recognizes(
                each.order, partly=each.partly, asked_before=each.asked_before, base=base
            )
        ]
        found[name] = {"acceptance": base, **_sum(kept)}
    return found


def _ratio(number: float, of: float) -> float | None:
    return round(number / of, 3) if of else None


def run_of(month: Month) -> dict[str, Any]:
    """How the run went: differs from one to the next."""
    clients = month.clients
    return {
        "certificates": len(clients.certificates),
        "certificate_ms": _ratio(1000 * clients.certificate_seconds, len(clients.certificates)),
        "connections": clients.connections,
        "catalog_seconds": month.laid["catalog seconds"],
        "history_seconds": month.laid["history seconds"],
        **{
            name: {
                "seconds": round(course.seconds, 1),
                "calls": course.calls,
                "calls_per_second": _ratio(course.calls.total(), course.seconds),
            }
            for name, course in (("with", month.with_it), ("without", month.without_it))
        },
        "processor_seconds": round(sum(_used(resource.RUSAGE_SELF)) + sum(_used(resource.RUSAGE_CHILDREN))),
        "mean_ms": {name: _ratio(1000 * seconds, clients.calls[name]) for name, seconds in clients.seconds.items()},
    }


def _used(who: int) -> tuple[float, float]:
    found = resource.getrusage(who)
    return found.ru_utime, found.ru_stime
