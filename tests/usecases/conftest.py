"""A registry without its edge: a real store, a rule book, keys, and the use cases."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hutong_server.domain.caller import Role
from hutong_server.domain.identifiers import Check, IdentifierKind, IdentifierSystem, Strength
from hutong_server.domain.recognition import (
    Agreement,
    Dates,
    Dimension,
    Group,
    Institution,
    Mapping,
    QualityGrant,
    RecognitionRule,
    RecognizedItem,
    Specialty,
    Tier,
    VocabularyTerm,
)
from hutong_server.domain.report import Refusal, Report, Withdrawal
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Store
from hutong_server.trust.ids import SealedIds
from hutong_server.trust.tokens import HmacTokens
from hutong_server.usecases.asking import Context, PatientQuery
from hutong_server.usecases.open_chart import ChartAnswer, OpenChart, open_chart
from hutong_server.usecases.publish import PublishDocument, Published, Publisher, publish

from tests.building import LOINC, NOW, RESIDENT, caller, chart_of


class PlainWire:
    """The edge's forms, made plain: enough to see what was stored."""

    def detail(self, detail: object) -> bytes:
        return repr(detail).encode()

    def header(self, report: object) -> bytes:
        return repr(report).encode()[:64]

    def images(self, images: object) -> bytes:
        return repr(images).encode()


@dataclass
class Registry:
    """What a test drives."""

    store: Store
    publisher: Publisher
    now: int = NOW
    ids: SealedIds = field(default_factory=lambda: SealedIds(secrets.token_bytes(32)))

    def publish(
        self, *readings: Report | Refusal | Withdrawal, institution: str = "H1", validate_only: bool = False
    ) -> Sequence[Published]:
        """Publishes one document."""
        command = PublishDocument(readings, caller(institution), self.now, "r", "lis", validate_only=validate_only)
        return self.store.submit(publish(command, self.publisher)).result(30)

    def chart(self, of: Report, institution: str = "H2", *, everything: bool = True, request: str = "q") -> ChartAnswer:
        """Opens the chart of the patient whom a reading names."""
        identifiers, demographics = chart_of(of)
        ask = OpenChart(
            request,
            PatientQuery(identifiers, demographics),
            Context("dr", "visit", "treatment"),
            caller(institution, Role.EMR),
            everything,
        )
        answer = self.store.read(
            lambda reader: open_chart(ask, reader, self.publisher.book, self.publisher.tokens, self.now)
        )
        self.store.submit(answer.keep).result(30)
        return answer


_POTASSIUM = RecognizedItem(
    "K", "钾", "Potassium", Specialty.LABORATORY, window_days=7, terms=((Dimension.SPECIMEN, ("serum",)),)
)


def rule_book(**more: Any) -> RuleBook:
    """Hospitals H1…H4 of one province that honor each other's potassium; H1 and H3 have grants. L is a laboratory
    center for which H1 may publish; U is in the registry without a grant. `more`: see RuleBook."""
    names = {"H1": "甲医院", "H2": "乙医院", "H3": "丙医院", "H4": "丁医院", "L": "检验中心", "U": "戊医院"}
    return RuleBook(
        version=7,
        institutions=[Institution(code, name, Tier.SECONDARY, "990421") for code, name in names.items()],
        items=[_POTASSIUM],
        mappings=[Mapping("*", LOINC, "2823-3", "K")],
        grants=[QualityGrant(code, ("*",), "99", "99HR") for code in ("H1", "H3", "L")],
        rules=[RecognitionRule("all", Group(), Group())],
        agreements=[Agreement("H1", "L", Dates("2020-01-01", ""))],
        vocabulary=[VocabularyTerm(Dimension.SPECIMEN, "serum", codes=(("http://snomed.info/sct", "119364003"),))],
        identifier_systems=[IdentifierSystem(RESIDENT, IdentifierKind.RESIDENT, Strength.STRONG, check=Check.GB11643)],
        **more,
    )


@pytest.fixture
def registry(store: Store) -> Registry:
    """A registry with the rule book above."""
    return Registry(store, Publisher(rule_book(), HmacTokens(secrets.token_bytes(32)), PlainWire()))
