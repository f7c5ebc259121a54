"""LiteLLM's own pre-flight, in temporary containers or pods of the new image.

Each runs where the service does, with its environment. `--validate_config` loads
the configuration; `--check_migrations_against_existing_data` applies pending migrations in one
transaction and rolls it back (litellm/proxy/proxy_cli.py; not in releases before 1.109). Owns the
meaning of their output and exit codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final

from gatewayctl.runtimes.base import Progress, ProgressState
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.releases import PreflightCheck

_COMMANDS: Final = {
    "configuration": ("--config", "/app/config.yaml", "--validate_config"),
    "migrations": ("--check_migrations_against_existing_data",),
}
_STATES: Final[Mapping[bool | None, ProgressState]] = {
    True: "ready",
    False: "failed",
    None: "unchanged",
}
_UNKNOWN: Final = re.compile(r"no such option", re.IGNORECASE)
_COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")
_OWN_MESSAGE: Final = re.compile(r"^LiteLLM(?: Proxy)?: (?!Proxy initialized)(.+)")
_LINES: Final = 12


def run_preflight(
    run: Callable[[str, Sequence[str]], Completed],
) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
    """Run the checks up to the first that fails.

    ``run`` takes the name of a check and the arguments of `litellm`, which it runs to its end.
    """
    checks: list[PreflightCheck] = []
    for name, args in _COMMANDS.items():
        subject = f"pre-flight of {name}"
        yield Progress(subject=subject, state="working", detail="running in the new image")
        check = interpret_result(name, run(name, args))
        checks.append(check)
        detail = check.said.splitlines()[-1] if check.said else ""
        yield Progress(subject=subject, state=_STATES[check.passed], detail=detail)
        if check.passed is False:
            break
    return tuple(checks)


def interpret_result(name: str, done: Completed) -> PreflightCheck:
    """The result of a container. An unknown option exits with 2, as a failed check does."""
    output = engine.without_lines_of_env(_COLORS.sub("", f"{done.stdout}\n{done.stderr}"))
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    if done.returncode == 0:
        own = [found[1] for line in lines if (found := _OWN_MESSAGE.match(line))]
        return PreflightCheck(name=name, passed=True, said=own[-1] if own else "passed")
    if _UNKNOWN.search(output):
        return PreflightCheck(name=name, passed=None, said="this release has no such check")
    ending = "\n".join(lines[-_LINES:])
    return PreflightCheck(name=name, passed=False, said=ending or f"exit code {done.returncode}")
