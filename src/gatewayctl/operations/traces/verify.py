"""The verb `trace verify`: is a trace of the past what its request was?"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.traces.spend_checks import recall_expectation
from gatewayctl.operations.traces.verification import TraceVerification, wait_for_verification
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_ID: Final = re.compile(r"[0-9a-f]{32}")


def parse_trace_id(text: str) -> str:
    """A W3C trace id, however it was pasted. Raises UsageProblem for anything else."""
    plain = text.strip().lower().removeprefix("0x").replace("-", "")
    if _ID.fullmatch(plain) and set(plain) != {"0"}:
        return plain
    raise UsageProblem(
        f"{text[:60]!r} is no trace id.", hint="It has 32 hex digits: see `gatewayctl trace list`."
    )


def verify_trace(
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, TraceVerification]:
    """Hold the trace against what our client spans, or else LiteLLM's ledger, remember.

    Raises UsageProblem for what is no trace id; everything else is in the proof.
    """
    trace_id = parse_trace_id(trace_id)
    return (
        yield from wait_for_verification(
            settings,
            gateway,
            trace_id,
            lambda spans, logs: recall_expectation(trace_id, spans, logs),
            timeout=timeout,
            fresh=False,
            clock=clock,
            sleep=sleep,
        )
    )
