"""The files that a LiteLLM configuration names: modules of the operator, prompts, credentials.

Owns how they are found: modules beside the root configuration, as LiteLLM finds them, with the
local modules that they import; other files by a path. Reads them and runs none. Must not know
where they are written.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from gatewayctl.errors import SettingsInvalid
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operating_system import real_path
from gatewayctl.operations.project.adopt.moved import show_path
from gatewayctl.operations.project.adopt.sources import ConfigFile, Sources, can_keep_place
from gatewayctl.rendering.side_files import read_side_file
from gatewayctl.settings.litellm.modules import files_of, imports_of, module_of, names_module
from gatewayctl.settings.litellm.yaml_text import Value
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.plain_secrets import REFERENCE

Find = Callable[[str], Path | None]
"""Takes a path as LiteLLM sees it, relative to the root configuration or absolute."""

_PRIVATE: Final = re.compile(
    rb"-BEGIN [A-Z ]*PRIVATE KEY-|\"private_key|\"client_secret|\"refresh_token"
)
_SUFFIXES: Final = r"json|pem|crt|cer|key|p12|pfx|ya?ml|toml|txt|prompt|jinja2?|j2|csv|py"
_FILE: Final = re.compile(rf"(?:\.{{0,2}}/)?[^\s:*?\"<>|{{}}]+\.(?:{_SUFFIXES})")
_ABSOLUTE: Final = re.compile(r"/[^\s:*?\"<>|{}]+")
_NAMED_FILE: Final = re.compile(
    r"(?:.*_)?(?:credentials|file|filename|cert|certificate|bundle|directory|dir|keyfile|certfile)"
    r"(?:_path)?|ssl_verify|.*_(?:json|pem)"
)
_KEY_STORES: Final = frozenset({".key", ".p12", ".pfx"})
_MOST_FILES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFile:
    """A file to copy. ``target`` is relative to the project; ``secret`` ones are never rendered."""

    path: Path
    target: PurePosixPath
    content: bytes = field(repr=False)
    secret: bool

    @property
    def is_module(self) -> bool:
        return self.target.suffix == ".py"


@dataclass(slots=True, kw_only=True)
class SideFiles:
    """What was found, and what was not: each as the place that names it, and why.

    ``originals`` are the files that are read as configuration, and their places in the project;
    None for a file that has none. They are never copied as they are.
    """

    originals: Mapping[Path, PurePosixPath | None] = field(
        default_factory=lambda: MappingProxyType({})
    )
    found: dict[PurePosixPath, SideFile] = field(default_factory=dict)
    absolute: list[tuple[ConfigFile, Value]] = field(default_factory=list)
    missing: list[tuple[ConfigFile, Value, str]] = field(default_factory=list)


def find_side_files(sources: Sources, find: Find, *, compose: Path | None = None) -> SideFiles:
    """Find every file that the configuration names, but for its own and the Compose file."""
    originals: dict[Path, PurePosixPath | None] = {
        real_path(file.path): file.target for file in sources.files
    }
    if compose is not None:
        originals.setdefault(real_path(compose), None)
    side = SideFiles(originals=originals)
    for file, value in sources.values():
        text = value.value
        if not isinstance(text, str) or REFERENCE in text or value.path[0] == "include":
            continue
        if _add_module(side, file, value, find) or _is_route(value):
            continue
        if "\n" not in text and "://" not in text:
            _add_path(side, file, value, find)
    return side


def _add_module(side: SideFiles, file: ConfigFile, value: Value, find: Find) -> bool:
    """True for a value that names an object of a module, whether the module is there or not."""
    text = str(value.value)
    module = module_of(text)
    if module is None:
        return False
    if _is_file(find(str(module))):
        name = module.with_suffix("")
        _add_imports(side, list(files_of(name, _finder(find))), file, value, find)
        return True
    if names_module(show_path(value.path), text) and not _FILE.fullmatch(text):
        side.missing.append((file, value, f"there is no {module} beside the configuration"))
        return True
    return False


def _add_imports(
    side: SideFiles, pending: list[str], file: ConfigFile, value: Value, find: Find
) -> None:
    """Add modules and everything that they import from the same folder."""
    while pending:
        module = PurePosixPath(pending.pop())
        path = find(str(module))
        if module in side.found or path is None:
            continue
        content = _read(side, path, file, value)
        if content is None:
            continue
        side.found[module] = SideFile(path=path, target=module, content=content, secret=False)
        if looks_like_a_secret(content.decode(errors="replace")):
            reason = f"{module} contains a secret: read it from the environment there"
            side.missing.append((file, value, reason))
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            side.missing.append((file, value, f"{module} line {line} is not valid Python"))
            continue
        for name in imports_of(tree, module.parent):
            pending += files_of(name, _finder(find))


def _finder(find: Find) -> Callable[[PurePosixPath], bool]:
    return lambda path: _is_file(find(str(path)))


def _is_route(value: Value) -> bool:
    """True for an address of the gateway itself, such as /docs/openapi.json."""
    return "pass_through_endpoints" in value.path and value.name == "path"


def _is_file(path: Path | None) -> bool:
    return path is not None and path.is_file()


def _add_path(side: SideFiles, file: ConfigFile, value: Value, find: Find) -> None:
    text = str(value.value)
    named = _NAMED_FILE.fullmatch(value.name) is not None
    if text.startswith("/"):
        if _ABSOLUTE.fullmatch(text) and (named or _FILE.fullmatch(text) or _is_file(find(text))):
            side.absolute.append((file, value))
        return
    path = find(text) if text.strip() and len(text) < 300 else None
    if path is not None and path.is_file():
        _add_file(side, path, text, file, value)
    elif path is not None and path.is_dir() and (named or text.startswith(("./", "../"))):
        members = sorted(p for p in path.rglob("*") if p.is_file() and _is_copied(p, path))
        for member in members[:_MOST_FILES]:
            if real_path(member) not in side.originals:
                _add_file(side, member, f"{text}/{member.relative_to(path)}", file, value)
        if len(members) > _MOST_FILES:
            side.missing.append((file, value, f"{text} has more than {_MOST_FILES} files"))
    elif value.name not in {"model", "model_name"} and (
        _FILE.fullmatch(text) or (named and "/" in text)
    ):
        side.missing.append((file, value, f"there is no {text} beside the configuration"))


def _is_copied(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return not any(part.startswith(".") or part == "__pycache__" for part in parts)


def _add_file(side: SideFiles, path: Path, text: str, file: ConfigFile, value: Value) -> None:
    target = PurePosixPath(os.path.normpath(text))
    if target in side.found or side.originals.get(real_path(path)) == target:
        return
    if real_path(path) in side.originals:
        reason = f"{text} has another name in the project, or is not there: correct this"
        side.missing.append((file, value, reason))
        return
    if not can_keep_place(target) or target in side.originals.values():
        reason = f"{text} is outside of the folder, or its place in the project is taken"
        side.missing.append((file, value, reason))
        return
    content = _read(side, path, file, value)
    if content is not None:
        secret = (
            "credential" in value.name
            or path.suffix.lower() in _KEY_STORES
            or _PRIVATE.search(content) is not None
            or not _can_be_rendered(path)
        )
        side.found[target] = SideFile(path=path, target=target, content=content, secret=secret)


def _can_be_rendered(path: Path) -> bool:
    """False for a file with a secret, or without text: it can only be mounted."""
    try:
        read_side_file(path)
    except SettingsInvalid:
        return False
    return True


def _read(side: SideFiles, path: Path, file: ConfigFile, value: Value) -> bytes | None:
    try:
        return read_regular_file(path)
    except OSError as error:
        side.missing.append((file, value, f"{path} cannot be read: {error.strerror}"))
        return None
