"""The operator's own Python modules that LiteLLM imports: callbacks, guardrails, authentication.

Owns which values name one, and how they are found: beside the configuration, as LiteLLM does (its
types_utils/utils.py), and by the imports inside them. Must not run any of them.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.document import Node
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.problems import Problems

_INSTANCE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_INDEX: Final = re.compile(r"\[\d+\]")
_NAMING: Final = frozenset(
    {
        "litellm_settings.callbacks",
        "litellm_settings.success_callback",
        "litellm_settings.failure_callback",
        "litellm_settings.post_call_rules",
        "litellm_settings.pre_call_rules",
        "litellm_settings.audit_log_callbacks",
        "litellm_settings.custom_provider_map.custom_handler",
        "general_settings.custom_auth",
        "general_settings.custom_key_generate",
        "general_settings.custom_key_update",
        "general_settings.custom_sso",
        "general_settings.custom_ui_sso_sign_in_handler",
        "guardrails.litellm_params.guardrail",
    }
)
"""The settings whose values name an object of a module, if they contain a dot."""


def module_of(value: str) -> PurePosixPath | None:
    """The file of the module in ``package.module.object``; None for any other text."""
    if not _INSTANCE.fullmatch(value):
        return None
    return PurePosixPath(*value.split(".")[:-1]).with_suffix(".py")


def names_module(path: str, value: str) -> bool:
    """True for a setting such as ``litellm_settings.callbacks[0]`` with a module of the operator.

    LiteLLM's own modules are installed with it.
    """
    return _INDEX.sub("", path) in _NAMING and value.split(".", maxsplit=1)[0] != "litellm"


def imports_of(tree: ast.AST, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """What a module in a folder imports, as paths without a suffix: modules, and their objects."""
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            yield from (PurePosixPath(*alias.name.split(".")) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            start = PurePosixPath(*(statement.module or "").split("."))
            if statement.level:
                start = PurePosixPath(folder, *[".."] * (statement.level - 1), start)
            yield from (start, *(start / alias.name for alias in statement.names))


def files_of(name: PurePosixPath, exists: Callable[[PurePosixPath], bool]) -> Iterator[str]:
    """The files of a module, by its path without a suffix, and of the packages that contain it."""
    name = PurePosixPath(os.path.normpath(name))
    for part in (name, *name.parents):
        if not part.name or ".." in part.parts:
            continue
        for path in (part.with_suffix(".py"), part / "__init__.py"):
            if exists(path):
                yield str(path)


def find_modules(
    config: LitellmConfig, problems: Problems, *, may_be_installed: bool = False
) -> tuple[str, ...]:
    """The modules beside the configuration that it names, and what they import, sorted.

    Reports one that is no valid Python, and one that is not there, unless it ``may_be_installed``:
    in an image or in packages of the operator.
    """

    def exists(path: PurePosixPath) -> bool:
        return (config.folder / path).is_file()

    found: dict[str, Node] = {}
    for path, node in config.values():
        module = module_of(node.value) if isinstance(node.value, str) else None
        if module is None:
            continue
        if exists(module):
            found |= dict.fromkeys(files_of(module.with_suffix(""), exists), node)
        elif not may_be_installed and names_module(path, str(node.value)):
            problems.add(node.source, f"{node.value}: there is no file {module} in {config.folder}")
    pending = list(found.items())
    while pending:
        name, node = pending.pop()
        for part in _local_imports(config.folder, name, node, problems):
            for imported in files_of(part, exists):
                if imported not in found:
                    found[imported] = node
                    pending.append((imported, node))
    return tuple(sorted(found))


def _local_imports(
    folder: Path, module: str, node: Node, problems: Problems
) -> Iterator[PurePosixPath]:
    try:
        tree = ast.parse(read_regular_file(folder / module))
    except (OSError, ValueError, SyntaxError) as error:
        line = getattr(error, "lineno", None)
        place = module if line is None else f"{module} line {line}"
        problems.add(node.source, f"{place} is not valid Python: {getattr(error, 'msg', error)}")
        return
    yield from imports_of(tree, PurePosixPath(module).parent)
