"""Of whom nothing is reusable after a restore: by when each feed was last heard."""

import pytest
from hutong_server.domain.restored import OLD, not_resumed

REACHES = 10 * OLD
AT = REACHES + 1000


@pytest.mark.parametrize(
    ("heard", "waits"),
    [
        ([REACHES - 5], True),
        ([AT], False),
        ([AT, REACHES - 5], True),
        ([AT, REACHES - OLD], True),
        ([AT, REACHES - OLD - 1], False),
        ([REACHES - OLD - 1], True),
        ([REACHES - OLD - 1, REACHES - OLD - 9], True),
        ([REACHES - 5, REACHES - OLD - 1], True),
        ([], False),
    ],
)
def test_an_institution_waits_for_the_feeds_that_were_alive(heard: list[int], waits: bool) -> None:
    feeds = [("H1", last) for last in heard]
    assert not_resumed([*feeds, ("H2", AT)], AT, REACHES) == ({"H1"} if waits else set())
    assert not_resumed(feeds, AT, REACHES, ["H1"]) == set()
