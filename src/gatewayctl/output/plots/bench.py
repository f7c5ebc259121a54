"""The plot of `bench --plot`: an SVG with the distribution of latencies and the cost by service.

Written by hand, because a plotting library would be a hundred times the size of gatewayctl. Colors
follow the reader's dark or light mode. Owns coordinates. Must not know how figures are made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from gatewayctl.operations.bench.report import BenchReport

_WIDTH, _LEFT, _RIGHT = 720, 130, 30
_TOP, _CURVES, _GAP, _BAR = 64, 220, 84, 24
_STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; } .dim { fill: #59636e; }
  .title { font-size: 16px; font-weight: 600; } .back { fill: #ffffff; }
  .grid { stroke: #d1d9e0; } .direct { stroke: #6e7781; } .gateway { stroke: #0969da; }
  .curve { fill: none; stroke-width: 2.5; } .dashed { stroke-dasharray: 5 4; }
  .bar { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .dim { fill: #9198a1; } .back { fill: #0d1117; }
    .grid { stroke: #3d444d; } .direct { stroke: #9198a1; } .gateway { stroke: #4493f8; }
    .bar { fill: #4493f8; }
  }
"""


def render_plot(report: BenchReport) -> str:
    """The SVG as text: how many requests were answered within a time, and who worked how long."""
    services = sorted(report.cpu_ms_per_request.items(), key=lambda item: -item[1])
    height = _TOP + _CURVES + _GAP + max(len(services), 1) * (_BAR + 10) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(_title(report))}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{height}"/>',
        _text(24, 28, _title(report), "title"),
        *_draw_curves(report),
        *_draw_bars(services, report.usage_unavailable, _TOP + _CURVES + _GAP),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(report: BenchReport) -> str:
    sent = report.parameters
    loop = f"{sent.concurrency} at a time" if sent.rate is None else f"{sent.rate:g} per second"
    return f"Latency of {report.gateway.requests} requests, {loop}"


def _draw_curves(report: BenchReport) -> Iterator[str]:
    """For each side, the share of requests that were answered within a time."""
    sides = [("gateway", report.gateway.distribution_ms)]
    if report.direct is not None:
        sides.append(("direct", report.direct.distribution_ms))
    # The slowest one of a hundred would squeeze all others to the left.
    longest = max((_at(values, 0.98) for _, values in sides), default=0.0) * 1.05
    ticks = _ticks(longest)
    scale = (_WIDTH - _LEFT - _RIGHT) / ticks[-1]
    bottom = _TOP + _CURVES
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - share * _CURVES
        yield _line(_LEFT, y, _WIDTH - _RIGHT, y)
        yield _text(_LEFT - 8, y + 4, f"{share:.0%}", "dim", anchor="end")
    for tick in ticks:
        yield _text(_LEFT + tick * scale, bottom + 18, f"{tick:g}", "dim", anchor="middle")
    yield _text(_WIDTH - _RIGHT, bottom + 36, "milliseconds", "dim", anchor="end")
    for number, (side, values) in enumerate(sides):
        dashed = " dashed" if side == "direct" else ""
        points = " ".join(
            f"{_LEFT + min(value, ticks[-1]) * scale:.1f},"
            f"{bottom - (rank + 1) / len(values) * _CURVES:.1f}"
            for rank, value in enumerate(values)
        )
        yield f'<polyline class="curve {side}{dashed}" points="{points}"/>'
        # The legend is in the corner where both curves have not begun, or have ended.
        y = bottom - 34 + number * 20
        x = _WIDTH - _RIGHT - 190
        yield f'<line class="curve {side}{dashed}" x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}"/>'
        yield _text(x + 36, y + 4, f"{side}, p50 {_at(values, 0.5):.1f} ms")


def _draw_bars(services: Sequence[tuple[str, float]], why_none: str, top: float) -> Iterator[str]:
    yield _text(24, top - 14, "Processor milliseconds per request", "title")
    if not services:
        yield _text(24, top + 16, f"Not measured: {why_none}", "dim")
        return
    longest = max(value for _, value in services) or 1.0
    # The figure stands right of the longest bar.
    room = _WIDTH - _LEFT - _RIGHT - 50
    for number, (name, value) in enumerate(services):
        y = top + number * (_BAR + 10)
        length = value / longest * room
        yield _text(_LEFT - 8, y + 17, name, anchor="end", length=_LEFT - 16)
        yield f'<rect class="bar" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="3"/>'
        yield _text(_LEFT + length + 8, y + 17, f"{value:.1f}")


def _at(values: Sequence[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def _ticks(longest: float) -> list[float]:
    """Four to nine round numbers from 0 to at least ``longest``."""
    longest = max(longest, 1e-3)
    power = 10 ** math.floor(math.log10(longest / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if longest / (power * factor) <= 8)
    return [round(step * number, 6) for number in range(math.ceil(longest / step) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(
    x: float, y: float, text: str, kind: str = "", *, anchor: str = "start", length: int = 0
) -> str:
    # A long name is narrowed to its column; most browsers take 7.2 pixels for a character.
    fitted = f' textLength="{length}" lengthAdjust="spacingAndGlyphs"'
    narrow = fitted if length and len(text) * 7.2 > length else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{narrow}>'
        f"{escape(text)}</text>"
    )
