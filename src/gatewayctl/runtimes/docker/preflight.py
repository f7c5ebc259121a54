"""LiteLLM's own pre-flight, in containers of the new image that end by themselves.

Each runs on the project's network with the environment of the service. `--validate_config` loads
the configuration; `--check_migrations_against_existing_data` applies the migrations that are due
inside one transaction and takes it back (litellm/proxy/proxy_cli.py; releases before 1.109 do not
know it). Owns what their words and exit codes mean.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Final

from gatewayctl.runtimes.base import Progress, ProgressState
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.process import Completed
from gatewayctl.runtimes.releases import PreflightCheck

_SERVICE: Final = "litellm"
_QUESTIONS: Final = {
    "configuration": ("--config", "/app/config.yaml", "--validate_config"),
    "migrations": ("--check_migrations_against_existing_data",),
}
_STATES: Final[Mapping[bool | None, ProgressState]] = {
    True: "ready",
    False: "failed",
    None: "unchanged",
}
_UNKNOWN: Final = re.compile(r"no such option", re.IGNORECASE)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_OWN_WORDS: Final = re.compile(r"^LiteLLM(?: Proxy)?: (?!Proxy initialized)(.+)")
_LINES: Final = 12


def run_preflight(
    docker: DockerCli, compose_file: str
) -> Generator[Progress, None, tuple[PreflightCheck, ...]]:
    """Ask the image of the service in a compose file's text; ends at the first that is refused."""
    checks: list[PreflightCheck] = []
    for name, words in _QUESTIONS.items():
        subject = f"pre-flight of {name}"
        yield Progress(subject=subject, state="working", detail="asking the new image")
        check = interpret_result(name, docker.run_once(compose_file, _SERVICE, words))
        checks.append(check)
        detail = check.said.splitlines()[-1] if check.said else ""
        yield Progress(subject=subject, state=_STATES[check.passed], detail=detail)
        if check.passed is False:
            break
    return tuple(checks)


def interpret_result(name: str, done: Completed) -> PreflightCheck:
    """What a container that ended means. An unknown option ends it with 2, as a refusal does."""
    said = engine.without_lines_of_env(_COLOURS.sub("", f"{done.stdout}\n{done.stderr}"))
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    if done.returncode == 0:
        own = [found[1] for line in lines if (found := _OWN_WORDS.match(line))]
        return PreflightCheck(name=name, passed=True, said=own[-1] if own else "passed")
    if _UNKNOWN.search(said):
        return PreflightCheck(name=name, passed=None, said="this release has no such check")
    ending = "\n".join(lines[-_LINES:])
    return PreflightCheck(name=name, passed=False, said=ending or f"exit code {done.returncode}")
