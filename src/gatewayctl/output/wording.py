"""Numbers, durations and verdicts in words.

Must not load Rich: `chat` needs these, and no table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayctl.operations.traces.verification import TraceVerification


def count(number: int, one: str, many: str | None = None) -> str:
    """Format a number with its noun: ``1 span``, ``2 spans``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def format_money(cost: float | None) -> str:
    """Format US dollars; ``-`` if unknown."""
    return "-" if cost is None else f"${cost:.6f}".rstrip("0").rstrip(".") if cost else "$0"


def format_duration(seconds: float | None) -> str | None:
    """Format seconds as ``9s``, ``4m12s``, ``3h05m`` or ``2d4h``; None stays None."""
    if seconds is None:
        return None
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def describe_verdict(report: TraceVerification) -> str:
    """The verdict, and how LiteLLM got the answers if not at the first attempt."""
    parts = [report.verdict.replace("_", " ")]
    if report.retries:
        parts.append(count(report.retries, "retry", "retries"))
    if report.fallbacks:
        parts.append(f"answered by fallback {', '.join(report.fallbacks)}")
    if report.cached:
        parts.append(
            "answered from the cache"
            if report.cached == report.calls
            else f"{count(report.cached, 'call')} answered from the cache"
        )
    return ", ".join(parts)
