"""What recognition is worth. Rows of patients do not leave before their access record is durable."""

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import grpc
from hutong.v1 import statistics_service_pb2, statistics_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.convert_statistics import (
    feed_out,
    filter_in,
    groupings_in,
    looker_in,
    measure_in,
    row_out,
    statistics_out,
)
from hutong_server.api.paging import Pages
from hutong_server.api.parts import Parts
from hutong_server.usecases.statistics import GetStatistics, Grouping, get_statistics
from hutong_server.usecases.statistics_feeds import list_feeds
from hutong_server.usecases.statistics_rows import ListRows, list_rows

Context = grpc.aio.ServicerContext[Any, Any]

GROUPS, MOST_GROUPS = 1000, 10_000
PAGE, LARGEST_PAGE = 100, 1000


class StatisticsServicer(statistics_service_pb2_grpc.StatisticsServiceServicer):
    """hutong.v1.StatisticsService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages(parts.ids)

    async def GetStatistics(
        self, request: statistics_service_pb2.GetStatisticsRequest, context: Context
    ) -> statistics_service_pb2.GetStatisticsResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        ask = GetStatistics(
            filter=filter_in(request.filter, faults),
            by=groupings_in(request.group_by, faults),
            caller=this.peer,
            page_size=faults.page_size(request.page_size, GROUPS, MOST_GROUPS),
        )
        faults.check()
        listed = f"statistics:{ask.filter}:{ask.by}"
        position = self._pages.open(listed, this.peer.institution, request.page_token)
        ask = replace(ask, after=position or ())
        book = parts.rules.book

        def answer() -> statistics_service_pb2.GetStatisticsResponse:
            found = parts.store.read_late(lambda reader: get_statistics(ask, reader))
            grounds_only = Grouping.GROUND in ask.by or bool(ask.filter.ground)
            response = statistics_out(found, ask.by, book, grounds_only=grounds_only)
            if found.after:
                response.next_page_token = self._pages.seal(listed, this.peer.institution, *found.after)
            return response

        return await parts.run(answer)

    async def ListStatisticsRows(
        self, request: statistics_service_pb2.ListStatisticsRowsRequest, context: Context
    ) -> statistics_service_pb2.ListStatisticsRowsResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        institution = this.peer.institution
        ask = ListRows(
            filter=filter_in(request.filter, faults),
            measure=measure_in(request.measure, faults),
            caller=this.peer,
            context=looker_in(request, this.peer, faults),
            page_size=faults.page_size(request.page_size, PAGE, LARGEST_PAGE),
            request_id=this.request_id,
        )
        faults.check()
        listed = f"statistics-rows:{ask.filter}:{ask.measure}"
        if position := self._pages.open(listed, institution, request.page_token):
            day, receiver, prompt_id, item = position
            ask = replace(ask, after=(day, receiver, bytes.fromhex(prompt_id), item))
        book = parts.rules.book

        def answer() -> tuple[statistics_service_pb2.ListStatisticsRowsResponse, Future[None]]:
            page = parts.store.read(lambda reader: list_rows(ask, reader, book, parts.clock()))
            kept = parts.store.submit(page.keep)
            this.outcome = page.record.outcome
            response = statistics_service_pb2.ListStatisticsRowsResponse()
            for row in page.rows:
                row_out(response.rows.add(), row, institution, parts.ids)
            if page.after is not None:
                day, receiver, prompt_id, item = page.after
                response.next_page_token = self._pages.seal(listed, institution, day, receiver, prompt_id.hex(), item)
            return response, kept

        return await parts.run_kept(answer)

    async def ListFeedFreshness(
        self, request: statistics_service_pb2.ListFeedFreshnessRequest, context: Context
    ) -> statistics_service_pb2.ListFeedFreshnessResponse:
        """See the contract."""
        faults, parts, this = Faults(), self._parts, call.current()
        size = faults.page_size(request.page_size, PAGE, LARGEST_PAGE)
        faults.check()
        position = self._pages.open("feeds", this.peer.institution, request.page_token)
        after = position[0] if position else ""
        feeds, more = await parts.read(lambda reader: list_feeds(this.peer, after, size, reader, parts.clock()))
        response = statistics_service_pb2.ListFeedFreshnessResponse()
        for each in feeds:
            feed_out(response.feeds.add(), each)
        if more:
            response.next_page_token = self._pages.seal("feeds", this.peer.institution, feeds[-1].institution.code)
        return response
