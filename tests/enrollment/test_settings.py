"""How long certificates and tokens are good, and within which bounds that can be set."""

import datetime
from typing import Any

import pytest
from hutong.v1 import certificate_service_pb2
from hutong_server import settings

from tests.api.site import Material
from tests.enrollment.place import Place
from tests.enrollment.test_enroll import refill

DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUTONG_CERTIFICATE_LIFE_HOURS", "0.9"),
        ("HUTONG_CERTIFICATE_LIFE_HOURS", "2161"),
        ("HUTONG_RENEWAL_GRACE_DAYS", "-1"),
        ("HUTONG_LEDGER_RETENTION_DAYS", "183"),
    ],
)
def test_lives_outside_of_their_bounds_refuse_to_start(material: Material, variable: str, value: str) -> None:
    with pytest.raises(settings.SettingsError) as raised:
        settings.load(material.environment("sqlite:///x.db", **{variable: value}))
    assert [problem for problem in raised.value.problems if problem.startswith(variable)]


@pytest.mark.parametrize("hours", ["1", "2160"])
def test_lives_within_their_bounds_are_taken(material: Material, hours: str) -> None:
    environment = material.environment("sqlite:///x.db", HUTONG_CERTIFICATE_LIFE_HOURS=hours)
    assert settings.load(environment).certificate_life_hours == float(hours)


async def test_unless_told_otherwise_a_certificate_is_good_for_a_week_and_a_token_for_a_day(place: Place) -> None:
    refill(place)
    leaf = (await place.hold()).leaf
    assert 7 * DAY <= leaf.not_valid_after_utc - leaf.not_valid_before_utc < 7.1 * DAY
    request = certificate_service_pb2.CreateEnrollmentTokenRequest(institution="H1", role="emr")
    begun = datetime.datetime.now(datetime.UTC)
    made: Any = await place.admin().CreateEnrollmentToken(request, timeout=5)
    ends = made.expires_at.ToDatetime(datetime.UTC)
    assert begun + DAY - datetime.timedelta(seconds=1) < ends < datetime.datetime.now(datetime.UTC) + DAY
