"""What an administrator of one institution may import: what that institution decides for itself."""

from hutong_server.catalog.placed import PlacedImport, place_of
from hutong_server.catalog.source import Faults
from hutong_server.domain.errors import HutongError, Reason

OWN_KINDS = {"mapping": "", "panel": "", "price": "", "override": "institution:"}
"""Kinds that have a part for each institution that is its own affair; before its code, how the part's keys begin."""


def check_own(imported: PlacedImport, institution: str) -> None:
    """Raises HutongError (ROLE_NOT_ALLOWED) with every place that is not the institution's own affair.

    Grants are none: they are the quality body's word.
    """
    faults = Faults()
    for each in imported.institutions:
        faults.add(place_of(imported, "institution", each.code), _says("institution", institution))
    for kind, prefix in imported.scopes:
        if kind not in OWN_KINDS or prefix != f"{OWN_KINDS[kind]}{institution}|":
            faults.add(imported.named[kind, prefix], _says(kind, institution))
    try:
        faults.raise_any()
    except HutongError as error:
        message = "an administrator of an institution imports what is its own; nothing was imported"
        raise HutongError(Reason.ROLE_NOT_ALLOWED, message, error.issues) from None


def _says(kind: str, institution: str) -> str:
    if kind in OWN_KINDS:
        return f'this {kind} is not of institution "{institution}"'
    return f"{kind} entries are the region's; an institution may import its {', '.join(OWN_KINDS)} entries"
