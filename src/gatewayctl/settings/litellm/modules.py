"""The operator's own Python modules that LiteLLM imports: callbacks, guardrails, authentication.

Owns how they are found: beside the configuration, as LiteLLM does (its types_utils/utils.py),
and by the imports inside them. Must not run any of them.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.document import Node
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.problems import Problems

_INSTANCE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_CALLBACKS: Final = (
    "litellm_settings.callbacks",
    "litellm_settings.success_callback",
    "litellm_settings.failure_callback",
    "litellm_settings.post_call_rules",
    "litellm_settings.pre_call_rules",
    "litellm_settings.audit_log_callbacks",
)
_CUSTOM: Final = (
    "custom_auth",
    "custom_key_generate",
    "custom_key_update",
    "custom_sso",
    "custom_ui_sso_sign_in_handler",
)


def find_modules(
    config: LitellmConfig, problems: Problems, *, may_be_installed: bool = False
) -> tuple[str, ...]:
    """The modules beside the configuration that it names, and what they import, sorted.

    Reports one that is no valid Python, and one that is not there, unless it ``may_be_installed``:
    in an image or in packages of the operator.
    """
    named = set() if may_be_installed else {id(node) for node in _instances(config)}
    found: dict[str, Node] = {}
    for _, node in config.values():
        if not isinstance(node.value, str) or not _INSTANCE.fullmatch(node.value):
            continue
        module = PurePosixPath(*node.value.split(".")[:-1]).with_suffix(".py")
        if (config.folder / module).is_file():
            found[str(module)] = node
        elif id(node) in named and node.value.split(".")[0] != "litellm":
            problems.add(node.source, f"{node.value}: there is no file {module} in {config.folder}")
    pending = list(found.items())
    while pending:
        name, node = pending.pop()
        for imported in _local_imports(config.folder, name, node, problems):
            if imported not in found:
                found[imported] = node
                pending.append((imported, node))
    return tuple(sorted(found))


def _instances(config: LitellmConfig) -> Iterator[Node]:
    """The values that name an object of a module, if they contain a dot."""
    for path in _CALLBACKS:
        yield from config.items(path)
    for name in _CUSTOM:
        if (node := config.at(f"general_settings.{name}")) is not None:
            yield node
    for guardrail in config.items("guardrails"):
        if (node := guardrail.at("litellm_params.guardrail")) is not None:
            yield node
    for provider in config.items("litellm_settings.custom_provider_map"):
        if (node := provider.at("custom_handler")) is not None:
            yield node


def _local_imports(folder: Path, module: str, node: Node, problems: Problems) -> Iterator[str]:
    """The modules in the folder that one of them imports, with the files of their packages."""
    try:
        tree = ast.parse(read_regular_file(folder / module))
    except (OSError, ValueError, SyntaxError) as error:
        line = getattr(error, "lineno", None)
        place = module if line is None else f"{module} line {line}"
        problems.add(node.source, f"{place} is not valid Python: {getattr(error, 'msg', error)}")
        return
    here = PurePosixPath(module).parent
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            names = [PurePosixPath(*alias.name.split(".")) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            start = PurePosixPath(*(statement.module or "").split("."))
            if statement.level:
                start = PurePosixPath(here, *[".."] * (statement.level - 1), start)
            names = [start, *(start / alias.name for alias in statement.names)]
        else:
            continue
        for name in names:
            yield from _files_of(folder, name)


def _files_of(folder: Path, name: PurePosixPath) -> Iterator[str]:
    """The file of a module, and the packages that contain it."""
    name = PurePosixPath(os.path.normpath(name))
    for part in (name, *name.parents):
        if not part.name or ".." in part.parts:
            continue
        for path in (part.with_suffix(".py"), part / "__init__.py"):
            if (folder / path).is_file():
                yield str(path)
