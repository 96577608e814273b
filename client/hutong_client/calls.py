"""One unary call: its deadline, and its failure as a typed error."""

import asyncio
import math
from typing import TypeVar

import grpc

from hutong_client.errors import HutongCallError, Unavailable, call_error

Request = TypeVar("Request")
Response = TypeVar("Response")

DEFAULT_DEADLINE = 2.0
"""Seconds: what a doctor's screen can wait."""


async def unary(
    method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request, deadline: float
) -> Response:
    """Calls `method` and answers within `deadline` seconds.

    Raises:
        HutongCallError: the call did not succeed; a subclass says how.
        ValueError: the deadline is not a positive number of seconds.
    """
    try:
        return await method(request, timeout=checked_deadline(deadline))
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from error
    except grpc.aio.UsageError as error:
        raise closed() from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled us: the channel was closed under the call.
        raise closed() from None


def checked_deadline(deadline: float) -> float:
    """The deadline itself. Raises ValueError when it is not a positive, finite number of seconds."""
    if not (isinstance(deadline, int | float) and math.isfinite(deadline) and deadline > 0):
        raise ValueError("a deadline is a positive number of seconds")
    return float(deadline)


def closed() -> HutongCallError:
    """The error of a call on a closed channel."""
    return Unavailable("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, "The client was closed.")
