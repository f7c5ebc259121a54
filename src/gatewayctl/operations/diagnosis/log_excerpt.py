"""The lines of a log that say why: those of this start, without the frames of tracebacks.

Owns the choice. Must not know what the lines mean.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

SHOWN: Final = 20
# As LiteLLM and Phoenix are stamped here, as PostgreSQL writes it, and as Docker writes it.
_STAMP: Final = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)\S*(?: UTC)? ?")
_CONTROL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# What uvicorn writes of every request, and the last words of a server that was told to stop.
_ACCESS: Final = re.compile(r'INFO: +\S+ - "[A-Z]+ ')
_ENDED: Final = re.compile(r"Finished server process|database system is shut down")
_INDENTED: Final = re.compile(r"^\s")


def lines_since_start(log: str, since: datetime) -> str:
    """The lines from ``since`` on; a line without a time belongs to the one before it.

    Everything, where no line has a time: better too much than nothing.
    """
    kept, stamped, recent = [], False, False
    for line in log.splitlines():
        at = _at(line)
        if at is not None:
            stamped, recent = True, at >= since.replace(microsecond=0)
        if recent:
            kept.append(line)
    return _after_the_last_end("\n".join(kept) if stamped else log)


def _after_the_last_end(log: str) -> str:
    """Without the run before, which ended as it should; its end may be all there is."""
    lines = log.splitlines()
    ends = [place for place, line in enumerate(lines, start=1) if _ENDED.search(line)]
    rest = "\n".join(lines[ends[-1] :]) if ends else ""
    return rest if rest.strip() else log


def select_relevant(log: str, sign: re.Pattern[str] | None = None, count: int = SHOWN) -> str:
    """At most ``count`` lines: the last ones, or those around what ``sign`` finds.

    Requests that were served are left out; where there are still too many lines, so are empty
    ones and the frames of tracebacks.
    """
    lines = [_CONTROL.sub("", line).rstrip() for line in log.splitlines()]
    lines = [line for line in lines if not _ACCESS.search(line)]
    if len(lines) > count:
        lines = [line for line in lines if _says_something(_STAMP.sub("", line, count=1))]
    end = len(lines)
    found = [n for n, line in enumerate(lines) if sign is not None and sign.search(line)]
    if found and found[-1] < end - count:
        end = min(end, found[-1] + count // 2)
    return "\n".join(lines[max(0, end - count) : end])


def _says_something(text: str) -> bool:
    return bool(text.strip()) and not _INDENTED.match(text)


def _at(line: str) -> datetime | None:
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
