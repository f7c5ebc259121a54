"""Read LiteLLM's own configuration: a file in its format and what it includes, or inline sections.

Owns how the files are found and joined, in the way of LiteLLM (its common_utils/
config_includes.py). Must not know what the sections mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.document import Node, parse
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.sources import CONFIG_NAME

INCLUDE: Final = "include"


def read_litellm(section: Cursor, project_dir: Path) -> LitellmConfig | None:
    """Read ``litellm:`` of gateway.yaml; None if it is not given, or cannot be read.

    It is a file in LiteLLM's format, or its sections. A relative path starts at the project.
    """
    if not section.is_set:
        return None
    if isinstance(section.value, dict):
        return _join(section.node, project_dir / CONFIG_NAME, project_dir, section.problems)
    name = section.string()
    if name is None:
        return None
    path = project_dir / name
    found = read_config_file(path, project_dir=project_dir, problems=section.problems)
    if found is None and not path.exists():
        section.add(f"{section.path}: there is no file {name}")
    return found


def read_config_file(path: Path, *, project_dir: Path, problems: Problems) -> LitellmConfig | None:
    """Read a file in LiteLLM's format; None if it cannot be read, which is reported.

    Its name in messages is relative to ``project_dir`` where it is inside. A file that does not
    exist is not reported: the caller knows who named it.
    """
    root = _read_file(path, _name_of(path, project_dir), problems)
    if root is None:
        return None
    found = _join(root, path, project_dir, problems)
    return replace(found, files=(path, *found.files))


def _read_file(path: Path, shown: str, problems: Problems) -> Node | None:
    try:
        text = read_regular_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        problems.add(Source(name=shown), f"is not UTF-8 text (byte {error.start + 1})")
        return None
    except OSError as error:
        problems.add(Source(name=shown), f"cannot be read: {error.strerror}")
        return None
    return parse(text, name=shown, problems=problems, as_pyyaml=True)


def _name_of(path: Path, project_dir: Path) -> str:
    return str(path.relative_to(project_dir) if path.is_relative_to(project_dir) else path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """An entry of ``include:`` and the files on the way to it, the declaring one last."""

    entry: Node
    chain: tuple[Path, ...]


@dataclass(slots=True, kw_only=True)
class _Sections:
    """The files read so far, joined."""

    folder: Path
    project_dir: Path
    problems: Problems
    sections: dict[str, Node]
    files: list[Path] = field(default_factory=list)

    def include(self, pending: _Pending) -> Iterator[_Pending]:
        """Join one included file, and yield what it includes itself."""
        name = pending.entry.value
        if not isinstance(name, str) or not name.strip():
            self.problems.add(pending.entry.source, "include needs a list of file names")
            return
        declared_in = pending.chain[-1].parent
        path = Path(os.path.normpath(declared_in / name))
        if not path.exists():
            path = Path(os.path.normpath(self.folder / name))
        if path in pending.chain:
            self.problems.add(
                pending.entry.source, f"include is circular: {name} includes this file again"
            )
            return
        if path in self.files:
            return
        node = _read_file(path, _name_of(path, self.project_dir), self.problems)
        if node is None:
            if not path.exists():
                self.problems.add(
                    pending.entry.source, f"includes {name}, which does not exist in {declared_in}"
                )
            return
        self.files.append(path)
        for section, value in node.children().items():
            if section != INCLUDE:
                self.sections[section] = _merge(self.sections.get(section), value)
        yield from _includes(node, (*pending.chain, path), self.problems)


def _join(root: Node, file: Path, project_dir: Path, problems: Problems) -> LitellmConfig:
    """Join the sections of a file with those of the files that it includes."""
    file = Path(os.path.normpath(file))
    own = {name: value for name, value in root.children().items() if name != INCLUDE}
    join = _Sections(folder=file.parent, project_dir=project_dir, problems=problems, sections=own)
    pending = list(_includes(root, (file,), problems))
    while pending:
        pending += join.include(pending.pop(0))
    return LitellmConfig(
        nodes={n: v for n, v in join.sections.items() if not str(n).startswith("x-")},
        folder=file.parent,
        files=tuple(join.files),
    )


def _includes(node: Node, chain: tuple[Path, ...], problems: Problems) -> Iterator[_Pending]:
    entries = node.children().get(INCLUDE)
    if entries is None:
        return
    if not isinstance(entries.value, list):
        problems.add(entries.source, "include needs a list of file names")
        return
    yield from (_Pending(entry=entry, chain=chain) for entry in entries.value)


def _merge(base: Node | None, included: Node) -> Node:
    """Lists are joined; anything else replaces what was there."""
    if base is not None and isinstance(base.value, list) and isinstance(included.value, list):
        return replace(base, value=[*base.value, *included.value])
    return included
