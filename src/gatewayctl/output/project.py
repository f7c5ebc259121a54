"""Renders the reports of init and render.

Paths and diffs are plain lines, since they are copied and must not be wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.output.adopt import fit_width, render_adopted
from gatewayctl.output.console import Verbatim

if TYPE_CHECKING:
    from gatewayctl.operations.project.init import InitReport
    from gatewayctl.operations.project.render import FileReport, RenderReport


def render_init(report: InitReport) -> Iterator[str]:
    """What init wrote, what it kept, and what to do next."""
    lines = _init_lines(report)
    yield from lines if report.adopted is None else fit_width(lines)


def _init_lines(report: InitReport) -> Iterator[str]:
    if not report.changed:
        yield f"Nothing changed: {report.project_dir} is a gateway project already."
    if report.adopted is not None:
        yield from render_adopted(report.adopted)
    yield from _config(report)
    if report.env_added:
        yield f"added    {report.env_file.name}: {', '.join(report.env_added)}"
    if report.openai_api_key == "replaced":
        yield f"replaced {report.env_file.name}: OPENAI_API_KEY"
    if report.gitignore_added:
        yield f"added    .gitignore: {', '.join(report.gitignore_added)}"
    for warning in report.warnings:
        yield f"Warning: {warning}"
    yield from _next_steps(report)


def _config(report: InitReport) -> Iterator[str]:
    if report.gateway_yaml == "written":
        yield "written  gateway.yaml"
    if report.gateway_yaml == "replaced":
        backup = "" if report.backup is None else f" (old file: {report.backup.name})"
        yield f"replaced gateway.yaml{backup}"


def _next_steps(report: InitReport) -> Iterator[str]:
    if report.provider_keys_missing:
        names = ", ".join(report.provider_keys_missing)
        yield f"not set  {names}: models that need it fail until it is set in .env"
    if report.external:
        yield "next     put LITELLM_MASTER_KEY of the gateway into .env, then `gatewayctl status`"
        return
    yield "next     `gatewayctl up`"


def render_render(report: RenderReport) -> Iterator[str]:
    """One line per file, then its diff if requested."""
    for file in report.files:
        yield f"{file.state:<9} {file.path}"
        yield from _diff(file)
    for warning in report.warnings:
        yield f"Warning: {warning}"
    yield _summary(report)


def _diff(file: FileReport) -> Iterator[str]:
    if file.diff:
        yield Verbatim(file.diff.rstrip("\n"))


def _summary(report: RenderReport) -> str:
    folder = _format_path(report.compose_dir)
    if not report.changed:
        return f"Nothing to do: {folder} is current."
    return f"{folder} is not current." if report.check else f"{folder} is current now."


def _format_path(folder: Path) -> str:
    return f"{folder.name or folder}/"
