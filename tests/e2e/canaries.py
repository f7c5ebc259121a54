"""Marked secrets, and looking for them wherever they must not be."""

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
"""Seconds between two looks at the processes."""
_YOUNG: Final = 100
"""Looks."""


def canary(prefix: str = "") -> str:
    """A secret nothing else can hold by chance."""
    return f"{prefix}{secrets.token_hex(_CORE // 2)}-{secrets.token_hex(4)}"


@dataclass(kw_only=True)
class Canaries:
    """The secrets by name, and every place one was seen in.

    A secret is seen where its core is, plain, in base64 or with its bytes in hex: masks
    show the last four characters, which are no part of the core.
    """

    values: dict[str, str]
    hits: list[str] = field(default_factory=list)

    def look(self, place: str, text: str, *, allowed: frozenset[str] = frozenset()) -> None:
        """Note each secret in ``text`` but those ``allowed`` there.

        A name may say more in brackets, to tell the values apart that it had in turn.
        """
        for name, value in self.values.items():
            plain_name = name.partition(" (")[0]
            if plain_name not in allowed and any(form in text for form in _forms(value)):
                self.hits.append(f"{name} in {place}")

    def look_into(self, folder: Path, *, but: tuple[Path, ...] = ()) -> int:
        """Look into every file below a folder; how many there were."""
        count = 0
        for path in sorted(folder.rglob("*")):
            skipped = any(path.is_relative_to(each) for each in but)
            if not skipped and path.is_file() and not path.is_symlink():
                self.look(str(path), path.read_bytes().decode("utf-8", "replace"))
                count += 1
        return count


def _forms(value: str) -> tuple[str, ...]:
    body = value.removeprefix("sk-")
    core = body[: len(body) - 9] if len(body) > 16 else body
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")[:-2]
    return core, encoded, core.encode().hex(), quote(core, safe="")


@dataclass(kw_only=True)
class Watch:
    """Looks at the command lines of all processes, again and again, while the block runs."""

    canaries: Canaries
    looks: int = 0
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
            self.canaries.look(f"a command line: {line[:60]}", line)

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self.looks += 1
            self.seen.update(self._command_lines())

    def _command_lines(self) -> Iterator[str]:
        """Of young processes every time, of the others now and then: they change no more."""
        with os.scandir("/proc") as entries:
            here = {entry.name for entry in entries if entry.name.isdigit()}
        self._ages = {pid: self._ages.get(pid, -1) + 1 for pid in here}
        for pid, age in self._ages.items():
            if age < _YOUNG or age % _YOUNG == 0:
                # The process may be gone meanwhile.
                with contextlib.suppress(OSError):
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                    yield line.decode("utf-8", "replace")


def dotenv(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
