"""What use cases ask of a store about reliances and notices. Part of Reader and Writer of store/base.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hutong_server.domain.notice import Notice, Reliance
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices of an institution."""

    after: int = 0
    """Those with a greater number."""
    acknowledged: bool = False
    """Also those that were acknowledged."""
    hidden: bool | None = None
    """Only those that consent withheld when last looked at, or only the others."""


class SweepPosition(NamedTuple):
    """How far reliances have been judged anew."""

    version: int
    """Of the catalogue, when this walk began."""
    after: tuple[object, ...]
    """Place of the last reliance judged; empty at the beginning."""


class NoticeReader(Protocol):
    """The part of Reader."""

    def reliances(self, keys: Sequence[PatientKey], report_id: bytes = b"") -> list[Reliance]:
        """Reliances on the reports that stood under these keys, or on one of them. One indexed read for each key."""

    def relied_since(
        self, after: tuple[object, ...], until: Instant, limit: int
    ) -> list[tuple[tuple[object, ...], Reliance]]:
        """(place, reliance) of results recognised or cited, in the order in which they were recorded, up to `until`."""

    def notices(self, institution: str, only: NoticeFilter, limit: int) -> list[Notice]:
        """By number."""

    def notice(self, institution: str, notice_id: bytes) -> Notice | None: ...
    def notice_heads(self) -> dict[str, int]:
        """Institution → the number of its newest notice."""

    def sweep_position(self) -> SweepPosition | None: ...


class NoticeWriter(NoticeReader, Protocol):
    """The part of Writer."""

    def put_reliance(self, reliance: Reliance) -> None:
        """Records a reliance, unless it is there: the same visit, prompt, item, way and version is the same one."""

    def remove_reliance(self, reliance: Reliance) -> None:
        """Takes back what was recorded: a decision that was revoked. Also one that is not there."""

    def set_fallen(self, reliance: Reliance, fallen: bool) -> None: ...
    def put_notice(self, notice: Notice) -> bool:
        """Adds a notice at the end of its institution's, unless its id is there; True when it was new.

        The caller holds the lock of the institution's notices (see usecases/notices.py).
        """

    def skip_notices(self, institutions: Iterable[str], numbers: int) -> None:
        """Leaves so many numbers out: some were given to listeners, and went with a database that was lost."""

    def acknowledge_notice(self, institution: str, notice_id: bytes, at: Instant) -> None: ...
    def hide_notice(self, institution: str, notice_id: bytes) -> None:
        """Consent withholds it now."""

    def show_notice(self, institution: str, notice_id: bytes) -> int:
        """Consent no longer withholds it: it comes at the end of the institution's notices. Gives its new number."""

    def put_sweep_position(self, position: SweepPosition) -> None:
        """Replaces every other."""
