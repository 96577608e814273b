"""Hutong's client: what an EMR vendor installs. Start with HutongClient; docs/emr-integration.md shows how.

What is named here is loaded when it is used: the made city needs no gRPC, and the command line sets up gRPC's logging
before gRPC is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hutong_client.admin import AdminClient
    from hutong_client.channel import TlsFiles, TlsFilesInvalid, open_channel
    from hutong_client.chart import ChartAnswer, ChartState
    from hutong_client.clients import HutongClient
    from hutong_client.consent import ConsentClient
    from hutong_client.decisions import decision, prompt_event
    from hutong_client.enrollment import Enrolled, RegistryNotTrusted, enroll, renew
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
    from hutong_client.files import CertificateFiles
    from hutong_client.orders import OrdersAnswer, order
    from hutong_client.publishing import Document, Published, PublishStream
    from hutong_client.queries import RESIDENT_NUMBER, call_context, patient_query
    from hutong_client.statistics import statistics_filter

__all__ = [
    "RESIDENT_NUMBER",
    "AdminClient",
    "AlreadyExists",
    "CatalogInvalid",
    "CertificateFiles",
    "ChartAnswer",
    "ChartState",
    "ConsentClient",
    "DeadlineExceeded",
    "Document",
    "Enrolled",
    "HutongCallError",
    "HutongClient",
    "InvalidRequest",
    "MethodUnknown",
    "NotFound",
    "OrdersAnswer",
    "Overloaded",
    "PermissionDenied",
    "PublishStream",
    "Published",
    "RegistryFault",
    "RegistryNotTrusted",
    "StateConflict",
    "TlsFiles",
    "TlsFilesInvalid",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "call_context",
    "decision",
    "enroll",
    "open_channel",
    "order",
    "patient_query",
    "prompt_event",
    "renew",
    "statistics_filter",
]

_MODULES = {
    "AdminClient": "hutong_client.admin",
    "TlsFiles": "hutong_client.channel",
    "TlsFilesInvalid": "hutong_client.channel",
    "open_channel": "hutong_client.channel",
    "ChartAnswer": "hutong_client.chart",
    "ChartState": "hutong_client.chart",
    "HutongClient": "hutong_client.clients",
    "ConsentClient": "hutong_client.consent",
    "decision": "hutong_client.decisions",
    "prompt_event": "hutong_client.decisions",
    "AlreadyExists": "hutong_client.errors",
    "CatalogInvalid": "hutong_client.errors",
    "CertificateFiles": "hutong_client.files",
    "Enrolled": "hutong_client.enrollment",
    "RegistryNotTrusted": "hutong_client.enrollment",
    "enroll": "hutong_client.enrollment",
    "renew": "hutong_client.enrollment",
    "DeadlineExceeded": "hutong_client.errors",
    "HutongCallError": "hutong_client.errors",
    "InvalidRequest": "hutong_client.errors",
    "MethodUnknown": "hutong_client.errors",
    "NotFound": "hutong_client.errors",
    "Overloaded": "hutong_client.errors",
    "PermissionDenied": "hutong_client.errors",
    "RegistryFault": "hutong_client.errors",
    "StateConflict": "hutong_client.errors",
    "TooLarge": "hutong_client.errors",
    "Unauthenticated": "hutong_client.errors",
    "Unavailable": "hutong_client.errors",
    "Violation": "hutong_client.errors",
    "OrdersAnswer": "hutong_client.orders",
    "order": "hutong_client.orders",
    "Document": "hutong_client.publishing",
    "Published": "hutong_client.publishing",
    "PublishStream": "hutong_client.publishing",
    "RESIDENT_NUMBER": "hutong_client.queries",
    "call_context": "hutong_client.queries",
    "patient_query": "hutong_client.queries",
    "statistics_filter": "hutong_client.statistics",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
