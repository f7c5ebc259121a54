"""Installs the embedded environment: uv for Python packages, npm for the Prisma engine.

Everything is locked by hash, and no package runs an install script (``--no-build``,
``--ignore-scripts``). A killed install leaves a folder without its mark, which the next one
removes. Owns the steps; environment.py owns the paths.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gatewayctl.errors import EnvironmentBroken, InstallFailed
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.embedded.environment import (
    LOCKS,
    PRISMA,
    VENVS,
    Environment,
    count_locked_packages,
)
from gatewayctl.runtimes.process import follow, map_lines, run

Steps = Generator[Progress, None, None]
Variables = Mapping[str, str]

_NO_VARIABLES: Final[Variables] = MappingProxyType({})
_SUBJECT: Final = "environment"
# Step → its share of the time, measured with an empty cache, and its title.
_STEPS: Final = {
    "base": (0.15, "PostgreSQL, Node.js, supervisor"),
    "litellm": (0.40, "LiteLLM"),
    "phoenix": (0.35, "Phoenix"),
    "npm": (0.05, "Prisma engine"),
    "prisma": (0.05, "Prisma client"),
}
_LAST_LINES: Final = 8


def ensure(environment: Environment, variables: Variables = _NO_VARIABLES) -> Steps:
    """Install the environment if it is not complete yet; one process at a time.

    ``variables`` are those of the network, which downloads need besides our own. Raises
    EnvironmentBroken with the last lines of the step that failed, or for an environment that has
    lost files: it is not replaced while a stack may run from it.
    """
    if environment.complete:
        _check_intact(environment)
        return
    yield _progress("base", 0.0)
    with hold_lock(environment.root):
        # Another process may have installed it while we waited.
        if not environment.complete:
            shutil.rmtree(environment.root, ignore_errors=True)
            _check_disk_space(environment.root.parent)
            yield from _install(environment, {**clean_environment(), **variables})
            _mark_complete(environment)
    yield Progress(subject=_SUBJECT, state="ready", detail=str(environment.root))


def _check_intact(environment: Environment) -> None:
    if missing := environment.missing_paths():
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise EnvironmentBroken(
            f"Files of the embedded environment are missing: {missing[0]}{more}.",
            hint="Run `gatewayctl doctor --fix`, then `gatewayctl up`, which reinstalls it.",
        )


def _install(environment: Environment, env: dict[str, str]) -> Steps:
    for venv in VENVS:
        yield from _install_python_packages(environment, venv, env)
    yield _progress("npm", 0.0)
    shutil.copytree(PRISMA, environment.prisma, ignore=shutil.ignore_patterns("node_modules"))
    _install_npm_packages(environment, env)
    yield _progress("prisma", 0.0)
    _generate_prisma_client(environment, env)


def _install_python_packages(environment: Environment, venv: str, env: dict[str, str]) -> Steps:
    """Install one virtual environment from its lock; progress counts what uv reports."""
    yield _progress(venv, 0.0)
    target = str(environment.root / venv)
    _run_step(venv, uv_command("venv", "--quiet", "--python", sys.executable, target))
    # The lock is complete; resolving again would undo its overrides (locks/overrides.in).
    argv = uv_command(
        "pip", "install", "--python", str(environment.python(venv)), "--require-hashes",
        "--no-deps", "--no-build", "--no-progress", "--compile-bytecode",
        "--requirements", str(LOCKS / f"{venv}.txt"),
    )  # fmt: skip
    total = count_locked_packages(venv)
    seen = 0

    def parse_progress(text: str) -> Progress:
        nonlocal seen
        line = text.strip()
        seen += line.startswith(("Downloaded", "+ "))
        return _progress(venv, min(seen / total, 1.0), line if "ownload" in line else "")

    lines = follow(argv, env=env, cwd=environment.root)
    done = yield from map_lines(lines, parse_progress)
    if done.returncode != 0:
        raise _step_failure(venv, done.stdout)


def _install_npm_packages(environment: Environment, env: dict[str, str]) -> None:
    argv = (
        str(environment.node), str(environment.npm_cli), "ci",
        "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
    )  # fmt: skip
    _run_step("npm", argv, env=env, cwd=environment.prisma)


def _generate_prisma_client(environment: Environment, env: dict[str, str]) -> None:
    """Generate LiteLLM's database client for the WebAssembly engine."""
    package = environment.site_packages("litellm") / "prisma"
    _unlink_from_cache(package)
    schema = environment.site_packages("litellm") / "litellm" / "proxy" / "schema.prisma"
    env = env | {
        "PRISMA_BINARY_CACHE_DIR": str(environment.prisma),
        "PRISMA_QUERY_ENGINE_BINARY": str(environment.query_engine),
        "PRISMA_QUERY_ENGINE_LIBRARY": str(environment.query_engine),
        "PRISMA_SCHEMA_ENGINE_BINARY": str(environment.query_engine),
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
        "CHECKPOINT_DISABLE": "1",
        "PATH": os.pathsep.join(
            (str(environment.python("litellm").parent), str(environment.node.parent), os.defpath)
        ),
    }
    python = str(environment.python("litellm"))
    generate = (python, "-m", "prisma", "generate", "--schema", str(schema))
    _run_step("prisma", generate, env=env)
    _run_step("prisma", (python, str(environment.prisma / "fit_client.py")))


def _unlink_from_cache(package: Path) -> None:
    """Replace hard links to uv's cache by copies, because the generator writes into these files."""
    copy = package.with_name("prisma.copy")
    shutil.copytree(package, copy)
    shutil.rmtree(package)
    copy.rename(package)


def _mark_complete(environment: Environment) -> None:
    postgres = _run_step("base", (str(environment.postgres_bin / "postgres"), "-V"))
    versions = {
        "litellm": _version(environment, "litellm", "litellm"),
        "phoenix": _version(environment, "phoenix", "arize_phoenix"),
        "postgres": postgres.strip().rpartition(" ")[2],
    }
    partial = environment.complete_mark.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as out:
        json.dump({"versions": versions}, out)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(environment.complete_mark)


def _version(environment: Environment, venv: str, distribution: str) -> str:
    found = next(environment.site_packages(venv).glob(f"{distribution}-[0-9]*.dist-info"), None)
    return "unknown" if found is None else found.name.split("-")[1].removesuffix(".dist")


@contextmanager
def hold_lock(root: Path) -> Iterator[None]:
    """Hold the lock of this environment; the kernel releases it when the process dies."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        lock = root.with_suffix(".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise EnvironmentBroken(
            f"Cannot write to the cache folder {root.parent}: {error.strerror}.",
            hint="Free space, or point XDG_CACHE_HOME at a folder you may write to.",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_disk_space(folder: Path) -> None:
    needed, free = 2_000_000_000, shutil.disk_usage(folder).free
    if free < needed:
        raise EnvironmentBroken(
            f"The embedded environment needs 2 GB, and {folder} has {free / 1e9:.1f} GB free.",
            hint="Free space, or point XDG_CACHE_HOME at another disk.",
        )


def uv_command(*arguments: str) -> tuple[str, ...]:
    """The command line of the uv that came with gatewayctl."""
    from uv import find_uv_bin

    return (find_uv_bin(), *arguments, "--no-python-downloads")


def clean_environment() -> dict[str, str]:
    """Our own variables, without those that direct uv or Python to another environment."""
    excluded = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"}
    return {name: value for name, value in os.environ.items() if name not in excluded}


def _run_step(
    step: str, argv: tuple[str, ...], *, env: dict[str, str] | None = None, cwd: Path | None = None
) -> str:
    done = run(argv, env=env or clean_environment(), cwd=cwd, timeout=600)
    if done.returncode != 0:
        raise _step_failure(step, done.stdout + done.stderr)
    return done.stdout


def _step_failure(step: str, output: str) -> InstallFailed:
    last = "\n  ".join(output.strip().splitlines()[-_LAST_LINES:])
    return InstallFailed(f"Installing {_STEPS[step][1]} failed:\n  {last}")


def _progress(step: str, part: float, detail: str = "") -> Progress:
    """Progress of one step, of which ``part`` (0…1) is done."""
    share, title = _STEPS[step]
    earlier = list(_STEPS.values())[: list(_STEPS).index(step)]
    return Progress(
        subject=_SUBJECT,
        state="working",
        detail=f"{title} {detail}".strip(),
        fraction=sum(share for share, _ in earlier) + share * part,
    )
