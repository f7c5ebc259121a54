"""LiteLLM's own loader, run on a rendered configuration before anything is started.

Owns the Protocol, and the meaning of what load_config.py writes. Must not know how a program is
run in one runtime, nor where a setting is in a file of the operator.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.process import Completed

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile
    from gatewayctl.settings.model import Settings

LOAD_CONFIG: Final = Path(__file__).with_name("load_config.py")
MARK: Final = "gatewayctl-load-config "
_LINES: Final = 5
LOAD_SECONDS: Final = 30.0
"""How long LiteLLM may wait for the network while it loads; its import is not counted."""
RUN_SECONDS: Final = 300.0
"""How long the whole program may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedDeployment:
    """A deployment that LiteLLM would leave out, and what it logged about that."""

    name: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What LiteLLM's loader did with a configuration.

    ``failed``: ``error`` is the first cause, ``object`` the value that LiteLLM was importing,
    ``file`` and ``line`` the place in a module of the operator, as far as there are any.
    ``no_result``: the program ended without one, and ``error`` is the end of its output.
    ``deprecated`` has the date of each model, in ISO format, that ends within weeks.
    """

    state: Literal["loaded", "failed", "timed_out", "no_result"]
    models: int = 0
    dropped: tuple[DroppedDeployment, ...] = ()
    deprecated: tuple[tuple[str, str], ...] = ()
    error: str = ""
    object: str = ""
    file: str = ""
    line: int | None = None


class ConfigLoader(Protocol):
    """LiteLLM's loader of one project, in the release that the next start uses."""

    @property
    def release(self) -> str:
        """What the result depends on beside the files."""

    @property
    def missing(self) -> str:
        """What it is called where it is not installed, such as «the embedded environment»."""

    def of(self, settings: Settings) -> ConfigLoader:
        """The same for other settings, such as those with another release."""

    def require_packages(self) -> None:
        """Raise SettingsInvalid for settings that need a package which LiteLLM will not have."""

    def is_ready(self) -> bool:
        """True if nothing has to be fetched first."""

    def fetch(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Fetch what is missing, or with ``refresh`` what is newer; start nothing.

        Raises RuntimeProblem.
        """

    def load(self, files: Sequence[RenderedFile]) -> LoadResult:
        """Load rendered files that need not be written yet; changes nothing.

        Secrets are in the environment of the program only. Raises RuntimeProblem.
        """


def parse_result(done: Completed) -> LoadResult:
    """The result that load_config.py wrote among LiteLLM's own output."""
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            return _read(parse_json(line.removeprefix(MARK)))
    ending = f"{done.stdout}\n{done.stderr}".strip().splitlines()[-_LINES:]
    return LoadResult(state="no_result", error="\n".join(ending))


def _read(result: dict[str, Any]) -> LoadResult:
    if result.get("timed_out"):
        return LoadResult(state="timed_out")
    if failure := result.get("failure"):
        return LoadResult(state="failed", **failure)
    return LoadResult(
        state="loaded",
        models=result["models"],
        dropped=tuple(DroppedDeployment(**each) for each in result["dropped"]),
        deprecated=tuple((each["model"], each["date"]) for each in result["deprecated"]),
    )


def config_files(files: Sequence[RenderedFile]) -> tuple[RenderedFile, ...]:
    """Those that LiteLLM reads; in a cluster they are one object."""
    return tuple(file for file in files if _is_read(file))


def _is_read(file: RenderedFile) -> bool:
    if file.path.parent.name == "kubernetes":
        return file.path.stem == "litellm-config"
    return str(file.path) != "docker-compose.yml"


def write_for_loading(files: Sequence[RenderedFile], folder: Path) -> None:
    """Write the files that LiteLLM reads into a temporary folder."""
    for file in config_files(files):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content, encoding="utf-8")
