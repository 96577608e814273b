"""Page tokens of administrators' lists (AIP-158): sealed positions, good for one list and one caller."""

from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason
from hutong_server.store.base import Ids


class Pages:
    """Seals and opens page tokens."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def seal(self, listed: str, institution: str, *position: str) -> str:
        """The token of the page after `position` of the list `listed`."""
        return self._ids.seal(f"page:{listed}", institution, [part.encode() for part in position])

    def open(self, listed: str, institution: str, token: str) -> tuple[str, ...] | None:
        """The position, or None for no token. Raises PAGE_TOKEN_INVALID for a token of anything else."""
        if not token:
            return None
        parts = self._ids.open(f"page:{listed}", institution, token)
        if parts is None:
            raise refusal(Reason.PAGE_TOKEN_INVALID)
        return tuple(part.decode() for part in parts)
