"""Selects the lines of a log that explain a failure: of this start, without traceback frames.

Must not know what the lines mean.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from gatewayctl.files.json_text import shorten_tracebacks

SHOWN: Final = 20
# The formats of LiteLLM and Phoenix here, of PostgreSQL, and of Docker.
_STAMP: Final = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)\S*(?: UTC)? ?")
_CONTROL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# uvicorn's line for every request, and the last line of a server that was stopped.
_ACCESS: Final = re.compile(r'INFO: +\S+ - "[A-Z]+ ')
_ENDED: Final = re.compile(r"Finished server process|database system is shut down")
_INDENTED: Final = re.compile(r"^\s")


def lines_since_start(log: str, since: datetime) -> str:
    """Return the lines from ``since`` on; a line without a time belongs to the one before it.

    Returns everything if no line has a time.
    """
    kept, stamped, recent = [], False, False
    for line in log.splitlines():
        at = _parse_time(line)
        if at is not None:
            stamped, recent = True, at >= since.replace(microsecond=0)
        if recent:
            kept.append(line)
    return _drop_finished_run("\n".join(kept) if stamped else log)


def _drop_finished_run(log: str) -> str:
    """Drop an earlier run that ended normally, unless there is nothing else."""
    lines = log.splitlines()
    ends = [place for place, line in enumerate(lines, start=1) if _ENDED.search(line)]
    rest = "\n".join(lines[ends[-1] :]) if ends else ""
    return rest if rest.strip() else log


def select_relevant(log: str, sign: re.Pattern[str] | None = None, count: int = SHOWN) -> str:
    """Return at most ``count`` lines: the last ones, or those around a match of ``sign``.

    Access log lines are dropped; if there are still too many lines, so are empty lines and
    traceback frames.
    """
    lines = [_CONTROL.sub("", line).rstrip() for line in shorten_tracebacks(log).splitlines()]
    lines = [line for line in lines if not _ACCESS.search(line)]
    if len(lines) > count:
        lines = [line for line in lines if _is_informative(_STAMP.sub("", line, count=1))]
    end = len(lines)
    found = [n for n, line in enumerate(lines) if sign is not None and sign.search(line)]
    if found and found[-1] < end - count:
        end = min(end, found[-1] + count // 2)
    return "\n".join(lines[max(0, end - count) : end])


def _is_informative(text: str) -> bool:
    return bool(text.strip()) and not _INDENTED.match(text)


def _parse_time(line: str) -> datetime | None:
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
