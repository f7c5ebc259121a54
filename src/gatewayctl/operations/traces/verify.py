"""The verb `trace verify`: compare a past trace with what its request was."""

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
    """Normalize a W3C trace id as pasted. Raises UsageProblem for anything else."""
    plain = text.strip().lower().removeprefix("0x").replace("-", "")
    if _ID.fullmatch(plain) and set(plain) != {"0"}:
        return plain
    raise UsageProblem(
        f"Invalid trace id {text[:60]!r}: expected 32 hexadecimal digits.",
        hint="See `gatewayctl trace list`.",
    )


def verify_trace(
    settings: Settings,
    gateway: GatewayClient,
    trace_id: str,
    *,
    timeout: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, TraceVerification]:
    """Compare the trace with our client spans or, without any, with LiteLLM's spend logs.

    Waits ``timeout`` seconds for what is missing, without it as long as spans and spend logs can
    take. Raises UsageProblem for an invalid trace id; everything else is part of the result.
    """
    trace_id = parse_trace_id(trace_id)
    offline = settings.offline_models
    return (
        yield from wait_for_verification(
            settings,
            gateway,
            trace_id,
            lambda spans, logs: recall_expectation(trace_id, spans, logs, offline=offline),
            timeout=timeout,
            fresh=False,
            clock=clock,
            sleep=sleep,
        )
    )
