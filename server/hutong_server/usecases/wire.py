"""What the use cases ask of the edge: the forms in which answers are kept, so that a chart is answered from rows."""

from typing import Protocol

from hutong_server.domain.report import Image, Report, ResultDetail


class Wire(Protocol):
    """Turns what a reader sees into the bytes that are stored with a report and copied into answers."""

    def detail(self, detail: ResultDetail | bytes) -> bytes:
        """One result. Bytes are in this form already."""

    def header(self, report: Report) -> bytes:
        """What a list shows of the report."""

    def images(self, images: tuple[Image, ...]) -> bytes:
        """Where the images can be seen."""
