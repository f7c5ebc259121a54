"""Renders the reports of init and render.

Paths and diffs are plain lines, since they are copied and must not be wrapped. The lines of
`init --from` are sentences: at most 80 columns wide, but for a path or a command that is longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from gatewayctl.output.console import Verbatim

if TYPE_CHECKING:
    from gatewayctl.operations.project.adopt.report import AdoptReport
    from gatewayctl.operations.project.init import InitReport
    from gatewayctl.operations.project.render import FileReport, RenderReport

_WIDTH: Final = 80
_INDENT: Final = " " * 9
_QUOTED: Final = re.compile(r"`[^`]*`")
_PATH: Final = re.compile(r"^(adopted |Nothing changed:) +/")
_BLANK: Final = "\N{NO-BREAK SPACE}"


def render_init(report: InitReport) -> Iterator[str]:
    """What init wrote, what it kept, and what to do next."""
    lines = _init_lines(report)
    yield from lines if report.adopted is None else _fit_width(lines)


def _init_lines(report: InitReport) -> Iterator[str]:
    if not report.changed:
        yield f"Nothing changed: {report.project_dir} is a gateway project already."
    if report.adopted is not None:
        yield from _render_adopted(report.adopted)
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


def _render_adopted(report: AdoptReport) -> Iterator[str]:
    """What `init --from` moved, copied and set, then what is to know and to do."""
    yield f"adopted  {report.source}"
    for file in report.files:
        private = " (mode 0600, ignored by git)" if file.private else ""
        yield f"{file.state.replace('unchanged', 'kept'):<9}{file.path}{private}"
    for secret in report.secrets:
        yield f"secret   {secret.name} from {secret.file} line {secret.line}, {secret.path}"
    if report.variables:
        yield f"variable {', '.join(report.variables)}"
    for place in report.masked:
        yield f"removed  a secret in a comment: {place}"
    for name, value in report.services.items():
        yield f"set      {name}: {value}"
    for label, notices in (("Note", report.notes), ("To do", report.conflicts)):
        yield from (f"{label}: {notice.place}: {notice.message}" for notice in notices)


def _fit_width(lines: Iterable[str]) -> Iterator[str]:
    """Wrap lines at 80 columns; a path and what is in backquotes stay on one line, to be copied."""
    for line in lines:
        if _PATH.search(line):
            yield line
            continue
        kept = _QUOTED.sub(lambda found: found[0].replace(" ", _BLANK), line)
        # Columns follow a word of at most eight letters.
        indent = _INDENT if re.match(r"\w{2,8} +\S", line[:10]) and line[8:9] == " " else "  "
        parts = wrap(
            kept,
            _WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (part.replace(_BLANK, " ") for part in parts)


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
