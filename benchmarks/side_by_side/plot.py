"""Processor milliseconds of each gateway by service, as an SVG for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, LEFT, BAR, TOP = 760, 130, 26, 66
COLORS = {
    "litellm": "#0969da",
    "phoenix": "#bf8700",
    "postgres": "#1a7f37",
    "redis": "#cf222e",
    "other": "#8250df",
}
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; } .back { fill: #ffffff; }
  .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .back { fill: #0d1117; } }
"""


def render_bars(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """One bar for each gateway, with a part for each service; the sum stands at its end."""
    longest = max(row["cpu_ms"] for row in rows.values()) or 1.0
    scale = (WIDTH - LEFT - 70) / longest
    height = TOP + len(rows) * (BAR + 10) + 10
    title = "Processor milliseconds of one request"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="20" y="26">{title}</text>',
        *_legend(rows),
    ]
    for number, (name, row) in enumerate(rows.items()):
        y, x = TOP + number * (BAR + 10), float(LEFT)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 18}" text-anchor="end">{escape(name)}</text>')
        for service, cpu in row["cpu_ms_by_service"].items():
            width = max(cpu, 0) * scale
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"'
                f' fill="{COLORS[_group(service)]}"/>'
            )
            x += width
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 18}">{row["cpu_ms"]:.1f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    shown = {_group(service) for row in rows.values() for service in row["cpu_ms_by_service"]}
    parts = []
    for number, service in enumerate(name for name in COLORS if name in shown):
        x = LEFT + number * 110
        parts.append(f'<rect x="{x}" y="40" width="12" height="12" fill="{COLORS[service]}"/>')
        parts.append(f'<text x="{x + 18}" y="51">{service}</text>')
    return parts


def _group(service: str) -> str:
    """Both databases of Docker are PostgreSQL."""
    name = service.partition("-")[0]
    return name if name in COLORS else "other"
