"""Several documents of one stream kept in one write job, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from hutong_server.store.base import Writer
from hutong_server.usecases.publish import Published, PublishJob
from hutong_server.usecases.publish_whose import Prepared


@dataclass(frozen=True, slots=True)
class PublishBatch:
    """A write job of several publishes: all kept or none."""

    jobs: Sequence[PublishJob]

    def __call__(self, writer: Writer) -> list[tuple[Published, ...]]:
        """Runs in a write transaction."""
        # The locks of all at once and sorted; the jobs then find them taken. One by one, two streams could wait for
        # each other.
        prepared = [each for job in self.jobs for each in job.prepared if isinstance(each, Prepared)]
        writer.lock(sorted({key for each in prepared for key in each.locks}))
        return [job(writer) for job in self.jobs]
