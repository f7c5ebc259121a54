"""Marked secrets, and a search for them in places where they must not be."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

_CORE: Final = 24
_EVERY: Final = 0.01
"""Seconds between two scans of the processes."""
_YOUNG: Final = 100
"""Scans."""


def canary(prefix: str = "") -> str:
    """A secret that cannot occur by chance."""
    return f"{prefix}{secrets.token_hex(_CORE // 2)}-{secrets.token_hex(4)}"


@dataclass(kw_only=True)
class Canaries:
    """The secrets by name, and every place that contained one.

    A place contains a secret if it has its core: plain, in base64 or in hex. Masks show the
    last four characters, which are not part of the core.
    """

    values: dict[str, str]
    hits: list[str] = field(default_factory=list)

    def search(self, place: str, text: str, *, allowed: frozenset[str] = frozenset()) -> None:
        """Record each secret in ``text`` but those ``allowed`` there.

        A name may have a suffix in brackets, which distinguishes its successive values.
        """
        for name, value in self.values.items():
            plain_name = name.partition(" (")[0]
            if plain_name not in allowed and any(form in text for form in _forms(value)):
                self.hits.append(f"{name} in {place}")

    def search_folder(self, folder: Path, *, but: tuple[Path, ...] = ()) -> int:
        """Search every file below a folder; returns their number."""
        count = 0
        for path in sorted(folder.rglob("*")):
            skipped = any(path.is_relative_to(each) for each in but)
            if not skipped and path.is_file() and not path.is_symlink():
                self.search(str(path), path.read_bytes().decode("utf-8", "replace"))
                count += 1
        return count


def _forms(value: str) -> tuple[str, ...]:
    body = value.removeprefix("sk-")
    core = body[: len(body) - 9] if len(body) > 16 else body
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")[:-2]
    return core, encoded, core.encode().hex(), quote(core, safe="")


@dataclass(kw_only=True)
class Watch:
    """Scans the command lines of all processes repeatedly while the block runs."""

    canaries: Canaries
    scans: int = 0
    seen: set[str] = field(default_factory=set)
    _ages: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for line in self.seen:
            self.canaries.search(f"a command line: {line[:60]}", line)

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self.scans += 1
            self.seen.update(self._command_lines())

    def _command_lines(self) -> Iterator[str]:
        """The command lines of new processes each time, of others rarely: they do not change."""
        with os.scandir("/proc") as entries:
            here = {entry.name for entry in entries if entry.name.isdigit()}
        self._ages = {pid: self._ages.get(pid, -1) + 1 for pid in here}
        for pid, age in self._ages.items():
            if age < _YOUNG or age % _YOUNG == 0:
                # The process may have exited.
                with contextlib.suppress(OSError):
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                    yield line.decode("utf-8", "replace")


def dotenv(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
