"""One unary call: its deadline, and its failure as a typed error."""

import asyncio
import math
import random
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


def pause_after(breaks: int, error: HutongCallError) -> float:
    """Seconds to wait after so many breaks in a row of a stream: what the registry asked for, else longer each time."""
    if error.retry_after is not None:
        return min(error.retry_after, 10.0)
    wait: float = min(5.0, 0.2 * 2 ** min(breaks - 1, 10))
    return wait * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret


def closed() -> HutongCallError:
    """The error of a call on a closed channel."""
    return Unavailable("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, "The client was closed.")
