"""Hutong's client: what an EMR vendor installs. Start with HutongClient; docs/emr-integration.md shows how."""

from hutong_client.admin import AdminClient
from hutong_client.channel import TlsFiles, TlsFilesInvalid, open_channel
from hutong_client.chart import ChartAnswer, ChartState
from hutong_client.clients import HutongClient
from hutong_client.errors import (
    AlreadyExists,
    CatalogInvalid,
    DeadlineExceeded,
    HutongCallError,
    InvalidRequest,
    MethodUnknown,
    NotFound,
    Overloaded,
    PermissionDenied,
    RegistryFault,
    StateConflict,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)
from hutong_client.publishing import Document, Published, PublishStream
from hutong_client.queries import RESIDENT_NUMBER, call_context, patient_query

__all__ = [
    "RESIDENT_NUMBER",
    "AdminClient",
    "AlreadyExists",
    "CatalogInvalid",
    "ChartAnswer",
    "ChartState",
    "DeadlineExceeded",
    "Document",
    "HutongCallError",
    "HutongClient",
    "InvalidRequest",
    "MethodUnknown",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "PublishStream",
    "Published",
    "RegistryFault",
    "StateConflict",
    "TlsFiles",
    "TlsFilesInvalid",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "call_context",
    "open_channel",
    "patient_query",
]
