"""What tests of notices have in common: a registry's doctors open and recognise, and are told."""

import secrets
from dataclasses import replace
from typing import Any

from hutong_server.domain.caller import Role
from hutong_server.domain.notice import How, Notice, NoticeKind, Reliance
from hutong_server.domain.recognition import ConsentRule, Policy, SensitiveCategory
from hutong_server.store.base import Store
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases import notices, patients
from hutong_server.usecases.asking import Context
from hutong_server.usecases.get_report import REPORT_ID, GetReport, get_report
from hutong_server.usecases.notices import Listener, NoticePage
from hutong_server.usecases.publish import Publisher

from tests.building import LOINC, NOW, caller
from tests.usecases.conftest import PlainWire, Registry, rule_book

CONTEXT = Context("dr", "visit", "treatment", department="内科")
HIV_CODE = "56888-1"
HIV = SensitiveCategory("hiv", "艾滋病", "HIV", codes=((LOINC, HIV_CODE),))


def do(at: Registry, job: Any) -> Any:
    return at.store.submit(job).result(30)


def looked_at(at: Registry, published: Any, institution: str = "H2", encounter: str = "visit") -> Any:
    """A report that is being opened: it was read, and nothing is kept yet."""
    offered = at.ids.seal(REPORT_ID, institution, (published.patient_key, published.report_id))
    ask = GetReport(offered, replace(CONTEXT, encounter=encounter), caller(institution, Role.EMR))
    book, tokens = at.publisher.book, at.publisher.tokens
    return at.store.read(lambda reader: get_report(ask, reader, book, tokens, at.ids, at.now))


def opened(at: Registry, published: Any, institution: str = "H2", encounter: str = "visit") -> Any:
    """A report that was opened."""
    answer = looked_at(at, published, institution, encounter)
    do(at, answer.keep)
    return answer


def recognized(registry: Registry, published: Any, institution: str = "H2", **more: Any) -> Reliance:
    """As RecordDecisions records it."""
    values: dict[str, Any] = {
        "how": How.RECOGNIZED,
        "at": registry.now,
        "visit": b"v" * 16,
        "encounter": "visit",
        "practitioner": "dr",
        "prompt_id": b"p" * 16,
        "item": "K",
        "ordinal": 0,
        **more,
    }
    relied = Reliance(published.patient_key, published.report_id, published.version, institution, "H1", **values)
    do(registry, lambda writer: writer.put_reliance(relied))
    return relied


def listener(institution: str = "H2", method: str = "ListNotices") -> Listener:
    return Listener(method, CONTEXT, caller(institution, Role.EMR), "r")


def listed(at: Registry, institution: str = "H2", *, acknowledged: bool = False) -> list[Notice]:
    page = at.store.read(
        lambda reader: notices.list_notices(
            listener(institution), 0, 100, reader, at.publisher.book, at.now, acknowledged=acknowledged
        )
    )
    do(at, page.keep)
    return list(page.notices)


def watched(at: Registry, after: int = 0, institution: str = "H2") -> NoticePage:
    ask = listener(institution, "WatchNotices")
    page = at.store.read(lambda reader: notices.next_notices(ask, after, reader, at.publisher.book, at.now))
    do(at, page.keep)
    return page


def kinds(found: list[Notice]) -> list[NoticeKind]:
    return [each.kind for each in found]


def step(reason: str = "a wrong link") -> patients.Step:
    return patients.Step(caller("registry", Role.ADMIN), reason, NOW)


def registry_of(store: Store, consent: ConsentRule | None = None) -> Registry:
    """With the sensitive category of HIV_CODE."""
    book = rule_book(sensitive=[HIV], policy=Policy(consent=consent or ConsentRule()))
    return Registry(store, Publisher(book, HmacTokens(secrets.token_bytes(32)), PlainWire()))
