"""Which release of LiteLLM a stack runs, and another one tried beside it.

An optional part of a runtime. Owns the Protocol. Must not know when a release is changed, nor
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
    """A release by what it is started from: an image's name, or the folder of an environment."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One question to a release that does not serve yet.

    ``passed`` is None where that release, or this runtime, cannot be asked; ``said`` is why, or
    its own words.
    """

    name: str
    passed: bool | None
    said: str


@runtime_checkable
class Releases(Protocol):
    """A runtime that tells which release runs.

    ``selectable``: the operator chooses it; else it comes with gatewayctl itself.
    """

    selectable: bool

    def release(self, name: str) -> Release:
        """The release of that name, with its version where the name tells it."""

    def running_release(self) -> Release | None:
        """What LiteLLM was started from; None where the stack is down."""

    def wanted_release(self) -> Release:
        """What the next start takes."""

    def fetch_release(self, name: str) -> Generator[Progress, None, None]:
        """Have a release here; starts nothing. Raises ImageMissing, RegistryUnreachable."""

    def run_preflight(
        self, files: Sequence[RenderedFile]
    ) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
        """LiteLLM's own pre-flight with the release of these files, which are not written yet.

        The database has to run; nothing in it is changed, and what serves goes on.
        """
