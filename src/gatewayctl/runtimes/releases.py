"""Which release of LiteLLM a stack runs, and the pre-flight of another one.

An optional part of a runtime. Owns the Protocol. Must not know when the release is changed, nor
where its name is set.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gatewayctl.runtimes.base import Progress

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release by what it starts from: the name of an image, or the folder of an environment."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One check of a release before it serves.

    ``passed`` is None if this release, or this runtime, has no such check; ``said`` is the reason,
    or its output.
    """

    name: str
    passed: bool | None
    said: str


@runtime_checkable
class Releases(Protocol):
    """A runtime that knows which release runs.

    ``selectable``: the user chooses the release; otherwise gatewayctl itself determines it.
    """

    selectable: bool

    def release(self, name: str) -> Release:
        """The release of that name, with its version if the name contains it."""

    def running_release(self) -> Release | None:
        """What LiteLLM was started from; None if the stack is down."""

    def wanted_release(self) -> Release:
        """What the next start uses."""

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        """Fetch a release; start nothing. Raises ImageMissing, RegistryUnreachable."""

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        """Run LiteLLM's own pre-flight with the release of these files, before they are written.

        The database has to run; nothing in it is changed, and the running services continue.
        """
