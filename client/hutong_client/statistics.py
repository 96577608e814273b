"""What recognition is worth: counts and rates, the rows behind them, and how fresh the feeds are."""

from collections.abc import AsyncIterator, Iterable

import grpc
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse
from hutong.v1 import statistics_service_pb2 as statistics
from hutong.v1.statistics_service_pb2_grpc import StatisticsServiceStub

from hutong_client.calls import unary
from hutong_client.queries import enum_name


class StatisticsClient:
    """Typed calls of StatisticsService. Every call raises HutongCallError when it does not succeed."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        self._statistics = StatisticsServiceStub(channel)
        self.deadline = deadline
        """Seconds for each call."""

    async def counts(
        self,
        events: statistics.StatisticsFilter,
        *,
        by: Iterable[str] = (),
        limit: int = 1000,
    ) -> statistics.GetStatisticsResponse:
        """Counts by group, page after page, at most `limit` groups. For roles emr, admin and supervisor.

        Args:
            events: which; see `statistics_filter`.
            by: up to three of "day", "source", "receiver", "department", "item", "specialty", "ground".
            limit: groups; `next_page_token` of the answer is empty when these are all.

        Raises:
            ValueError: an unknown grouping.
        """
        groupings = [enum_name(statistics.Grouping.keys(), "GROUPING", word) for word in by]
        request = statistics.GetStatisticsRequest(filter=events, group_by=groupings)
        found = statistics.GetStatisticsResponse()
        while True:
            request.page_size = limit - len(found.rows)
            page = await unary(self._statistics.GetStatistics, request, self.deadline)
            found.rows.extend(page.rows)
            found.next_page_token = request.page_token = page.next_page_token
            if page.HasField("counted_until"):
                found.counted_until.CopyFrom(page.counted_until)
            if not page.next_page_token or len(found.rows) >= limit:
                return found

    async def rows(
        self,
        events: statistics.StatisticsFilter,
        measure: str,
        *,
        practitioner: str = "",
        occasion: str = "",
        page_size: int = 0,
    ) -> AsyncIterator[statistics.StatisticsEvent]:
        """The rows behind a number, page after page, without identity. For roles emr, admin and supervisor.

        Args:
            events: which; see `statistics_filter`.
            measure: "prompts", "reminders", "returned", "shown", "opened", "dismissed", "cited", "reordered",
                "recognized", "repeated", "revoked", "refused" or "unpriced".
            practitioner: who looks; required for role emr.
            occasion: what for, as the institution names it (e.g. a review's number); required for role emr.
            page_size: rows a call; 0: the registry's own.

        Raises:
            ValueError: an unknown measure.
        """
        request = statistics.ListStatisticsRowsRequest(
            filter=events,
            measure=enum_name(statistics.StatisticsMeasure.keys(), "STATISTICS_MEASURE", measure),
            context=reuse.CallContext(practitioner=practitioner, encounter=occasion, purpose=reuse.PURPOSE_QUALITY),
            page_size=page_size,
        )
        while True:
            page = await unary(self._statistics.ListStatisticsRows, request, self.deadline)
            for row in page.rows:
                yield row
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return

    async def feeds(self, *, page_size: int = 0) -> AsyncIterator[statistics.FeedFreshness]:
        """How fresh each institution's feed is, by its code, page after page. For roles emr, admin and supervisor."""
        request = statistics.ListFeedFreshnessRequest(page_size=page_size)
        while True:
            page = await unary(self._statistics.ListFeedFreshness, request, self.deadline)
            for feed in page.feeds:
                yield feed
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return


def statistics_filter(
    first_day: str,
    last_day: str,
    *,
    source: str = "",
    receiver: str = "",
    department: str = "",
    item: str = "",
    specialty: str = "",
    ground: str = "",
) -> statistics.StatisticsFilter:
    """Which events: days are YYYY-MM-DD, both inclusive, in the region's time zone; "" filters nothing.

    Raises:
        ValueError: an unknown specialty.
    """
    return statistics.StatisticsFilter(
        first_day=first_day,
        last_day=last_day,
        source=source,
        receiver=receiver,
        department=department,
        item=item,
        specialty=enum_name(v1.Specialty.keys(), "SPECIALTY", specialty),
        ground=ground,
    )
