"""What LiteLLM's own loader says of the operator's configuration, before anything is started.

Only for a project with `litellm:`, and only once for the same files, variables and release: the
last success is recorded by hash in .gatewayctl/. Owns that record, and where in the operator's
files a failure is. Must not know how the loader is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gatewayctl.errors import RuntimeProblem
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.rendering.plan import RenderedFile, plan_files
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.config_loader.base import (
    LOAD_SECONDS,
    ConfigLoader,
    DroppedDeployment,
    LoadResult,
    config_files,
)
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.document import Node
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.litellm.traps import find_remarks
from gatewayctl.settings.model import Settings, Source
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.sources import CONFIG_NAME

CheckState = Literal["not_needed", "unchanged", "loaded", "timed_out", "not_checked"]

_RECORD: Final = "config_check.json"
_SUBJECT: Final = "configuration"
_SHORTEST: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigCheck:
    """Whether LiteLLM loaded the configuration, now or (``unchanged``) earlier, and warnings."""

    state: CheckState
    warnings: tuple[str, ...] = ()


def check_config(
    settings: Settings,
    resolved: ResolvedRuntime,
    *,
    fetch: bool = False,
    refresh: bool = False,
) -> Generator[Progress, None, ConfigCheck]:
    """Have LiteLLM load the configuration that would be rendered; nothing is started.

    With ``fetch`` what it needs is installed (with ``refresh`` also what is newer), and a success
    is recorded; without it both are left out. Raises SettingsInvalid with the line of what LiteLLM
    refuses or drops.
    """
    config, loader = settings.litellm, resolved.loader
    if config is None or loader is None:
        return ConfigCheck(state="not_needed")
    loader.require_packages()
    if fetch and (refresh or not loader.is_ready()):
        yield from loader.fetch(refresh=refresh)
    elif not fetch and (why := _explain_missing(loader)):
        warning = f"LiteLLM's own loader has not checked the configuration: {why}"
        return ConfigCheck(state="not_checked", warnings=(warning,))
    files = plan_files(settings, runtime=resolved.name)
    digest = _digest(settings, config, files, loader)
    if (found := _read_record(settings, digest)) is not None:
        return found
    yield Progress(subject=_SUBJECT, state="working", detail="LiteLLM loads it")
    result = loader.load(files)
    _raise_problems(settings, config, result)
    found = _interpret(config, result)
    yield Progress(subject=_SUBJECT, state="ready", detail=found.state.replace("_", " "))
    if fetch and found.state == "loaded":
        _write_record(settings, digest, found)
    return found


def _explain_missing(loader: ConfigLoader) -> str:
    """Why the loader cannot be asked now; empty if it can."""
    try:
        return "" if loader.is_ready() else f"{loader.missing} is not installed yet."
    except RuntimeProblem as problem:
        return problem.message


def _interpret(config: LitellmConfig, result: LoadResult) -> ConfigCheck:
    if result.state == "no_result":
        warning = f"LiteLLM's own loader could not check the configuration:\n{result.error}"
        return ConfigCheck(state="not_checked", warnings=(warning,))
    if result.state == "timed_out":
        hosts = _mcp_addresses(config)
        where = f": does it wait for {', '.join(hosts)}?" if hosts else "."
        warning = f"LiteLLM did not load the configuration within {LOAD_SECONDS:g} s{where}"
        return ConfigCheck(state="timed_out", warnings=(warning,))
    return ConfigCheck(
        state="loaded",
        warnings=tuple(
            f"{_place_of_group(config, model)}{model}: its provider ends it on {date}, says"
            " LiteLLM's table of models."
            for model, date in result.deprecated
        ),
    )


def _raise_problems(settings: Settings, config: LitellmConfig, result: LoadResult) -> None:
    problems = Problems()
    if result.state == "failed":
        for source, message in _locate(settings, config, result):
            problems.add(source, message)
    for source, dropped in _locate_dropped(config, result.dropped):
        why = f": {dropped.reason}" if dropped.reason else ""
        problems.add(source, f"LiteLLM drops this deployment of {dropped.name}{why}")
    problems.raise_all()


def _locate(
    settings: Settings, config: LitellmConfig, result: LoadResult
) -> Iterator[tuple[Source, str]]:
    """Where the value is that LiteLLM failed with, as well as that is known."""
    place = f" ({result.file} line {result.line})" if result.file else ""
    message = f"LiteLLM does not load this: {' '.join(result.error.split())}{place}"
    values = [node for _, node in config.values() if isinstance(node.value, str)]
    if named := [node for node in values if result.object and node.value == result.object]:
        yield named[0].source, f"{result.object}: {message}"
        return
    # LiteLLM aborts for a server of tools whose header has no value.
    unset = [] if "MCPServer" not in result.error else list(_unset(settings, config))
    yield from ((source, f"{remark}. {message}") for source, remark in unset)
    if not unset:
        quoted = [n for n in values if len(str(n.value)) >= _SHORTEST and str(n.value) in message]
        longest = max(quoted, key=lambda node: len(str(node.value)), default=None)
        yield (_file(settings, config) if longest is None else longest.source), message


def _unset(settings: Settings, config: LitellmConfig) -> Iterator[tuple[Source, str]]:
    service = settings.litellm_service.environment
    given = {*settings.environment, *(name for name, value in service.items() if value)}
    servers = config.nodes.get("mcp_servers")
    if servers is not None:
        yield from find_remarks(_only(config, "mcp_servers", servers), given)


def _only(config: LitellmConfig, name: str, node: Node) -> LitellmConfig:
    late = config.nodes.get("environment_variables")
    nodes = {name: node} | ({} if late is None else {"environment_variables": late})
    return LitellmConfig(nodes=nodes, folder=config.folder)


def _file(settings: Settings, config: LitellmConfig) -> Source:
    if not config.files:
        return Source(name=CONFIG_NAME)
    path = config.files[0]
    inside = path.is_relative_to(settings.project_dir)
    return Source(name=str(path.relative_to(settings.project_dir) if inside else path))


def _locate_dropped(
    config: LitellmConfig, dropped: Sequence[DroppedDeployment]
) -> Iterator[tuple[Source, DroppedDeployment]]:
    left = list(config.items("model_list"))
    for each in dropped:
        wanted = (each.name, each.model)
        # Of equal ones, the last is the one too many.
        found = [node for node in left if _identity(node) == wanted]
        if found:
            left.remove(found[-1])
            yield found[-1].source, each
        else:
            yield Source(name=CONFIG_NAME), each


def _identity(node: Node) -> tuple[Any, Any]:
    name, model = node.at("model_name"), node.at("litellm_params.model")
    return (name.value if name else None, model.value if model else None)


def _place_of_group(config: LitellmConfig, name: str) -> str:
    for node in config.items("model_list"):
        if _identity(node)[0] == name:
            return f"{node.source}: "
    return ""


def _mcp_addresses(config: LitellmConfig) -> tuple[str, ...]:
    servers = config.nodes.get("mcp_servers")
    nodes = () if servers is None else servers.children().values()
    urls = (node.at("url") for node in nodes)
    return tuple(str(url.value) for url in urls if url is not None)


def _digest(
    settings: Settings,
    config: LitellmConfig,
    files: Sequence[RenderedFile],
    loader: ConfigLoader,
) -> str:
    """Hash of all that the result depends on; of a variable of .env only whether it is set."""
    service = settings.litellm_service
    names = {*config.variables, *service.environment}
    parts = {
        "release": loader.release,
        "set": sorted(name for name in names if name in settings.environment),
        "environment": dict(service.environment),
        "mounts": dict(service.mounts),
        "files": {str(file.path): file.content for file in config_files(files)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read_record(settings: Settings, digest: str) -> ConfigCheck | None:
    try:
        text = (settings.state_dir / _RECORD).read_text(encoding="utf-8")
        stored = parse_json(text)
        if stored["digest"] != digest:
            return None
        return ConfigCheck(state="unchanged", warnings=tuple(map(str, stored["warnings"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_record(settings: Settings, digest: str, check: ConfigCheck) -> None:
    text = json.dumps({"digest": digest, "warnings": check.warnings})
    write_atomically(settings.state_dir / _RECORD, text.encode())
