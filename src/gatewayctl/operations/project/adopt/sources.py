"""The files of an existing LiteLLM configuration: the root, and what it includes.

Owns finding and reading them in LiteLLM's way (its common_utils/config_includes.py), and where each
goes in the project. Must not know what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.litellm.read import INCLUDE
from gatewayctl.settings.litellm.traps import SECTIONS
from gatewayctl.settings.litellm.yaml_text import Span, Value, YamlText, read_yaml_text
from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems

CONFIG_NAME: Final = "litellm.yaml"
"""The adopted configuration in the project."""
INCLUDED: Final = "included"
"""The folder for included files that cannot keep their place."""
_TAKEN: Final = frozenset({"litellm.yaml", "gateway.yaml", "gateway.yml"})
_TAKEN_FOLDERS: Final = frozenset({"compose", "kubernetes", ".gatewayctl", ".git", ".env"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """One file of the configuration: where it is, where it goes, and its text.

    ``shown`` names it in messages. ``target`` is relative to the project's folder.
    """

    path: Path
    shown: str
    target: PurePosixPath
    yaml: YamlText
    entries: dict[Span, str] = field(default_factory=dict)
    """The entries of ``include:`` that have to be written differently."""

    def source(self, line: int) -> Source:
        return Source(name=self.shown, line=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All files of the configuration, the root first, and its sections as LiteLLM joins them."""

    files: tuple[ConfigFile, ...]
    data: dict[str, Any] = field(repr=False)

    def values(self) -> Iterator[tuple[ConfigFile, Value]]:
        """Every value of every file, except the names of entries."""
        for file in self.files:
            yield from ((file, value) for value in file.yaml.values if not value.is_key)


def read_text(path: Path, shown: str, problems: Problems) -> str | None:
    """Read a text file without its byte order mark; None if that fails, which is reported."""
    source = Source(name=shown)
    try:
        content = read_regular_file(path)
        if b"\0" in content:
            problems.add(source, "is not a text file: it contains NUL bytes")
            return None
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        problems.add(source, "does not exist")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.add(Source(name=shown, line=line), "is not UTF-8 text")
    except OSError as error:
        problems.add(source, f"cannot be read: {error.strerror}")
    return None


def read_sources(
    path: Path, shown: str, text: str, *, project_dir: Path, problems: Problems
) -> Sources | None:
    """Read the root, whose text is given, and what it includes; None after a problem."""
    reader = _Reader(path, project_dir, problems)
    root = reader.file(path, shown, text, PurePosixPath(CONFIG_NAME))
    if root is None:
        return None
    if not {*SECTIONS, INCLUDE}.intersection(root.yaml.data):
        problems.add(
            Source(name=shown, line=1),
            "is not a configuration of LiteLLM: it has none of its sections, such as model_list",
        )
        return None
    reader.include(root, (path,))
    data: dict[str, Any] = {}
    for file in reader.files:
        for name, value in file.yaml.data.items():
            both = isinstance(data.get(name), list) and isinstance(value, list)
            data[name] = [*data[name], *value] if both else value
    return Sources(files=tuple(reader.files), data=data)


class _Reader:
    def __init__(self, root: Path, project_dir: Path, problems: Problems) -> None:
        self.root = root
        self.project_dir = project_dir
        self.problems = problems
        self.files: list[ConfigFile] = []
        self.targets: dict[Path, PurePosixPath] = {}

    def file(self, path: Path, shown: str, text: str, target: PurePosixPath) -> ConfigFile | None:
        parsed = read_yaml_text(text, name=shown, problems=self.problems)
        if parsed is None:
            return None
        if not isinstance(parsed.data, dict):
            self.problems.add(
                Source(name=shown, line=1), "is not a configuration of LiteLLM: no `name: value`"
            )
            return None
        found = ConfigFile(path=path, shown=shown, target=target, yaml=parsed)
        self.files.append(found)
        self.targets[path] = target
        return found

    def include(self, file: ConfigFile, chain: tuple[Path, ...]) -> None:
        """Read the files that one includes, in LiteLLM's order: level by level."""
        pending = [(file, chain)]
        while pending:
            file, chain = pending.pop(0)
            for entry in self._entries(file):
                path = self._resolve(str(entry.value), file)
                place = file.source(entry.line)
                if path in chain:
                    self.problems.add(
                        place, f"include is circular: {entry.value} is included again"
                    )
                    continue
                known = path in self.targets
                included = None if known else self._read(str(entry.value), path, place, file)
                if included is not None:
                    pending.append((included, (*chain, path)))
                self._rewrite(file, entry, path)

    def _entries(self, file: ConfigFile) -> list[Value]:
        entries = file.yaml.data.get("include")
        if "include" in file.yaml.data and not isinstance(entries, list):
            key = next(v for v in file.yaml.values if v.is_key and v.value == "include")
            self.problems.add(file.source(key.line), "include must be a list of files")
            return []
        found = [v for v in file.yaml.values if v.path[:1] == ("include",) and not v.is_key]
        for value in found:
            if not isinstance(value.value, str) or len(value.path) != 2:
                self.problems.add(file.source(value.line), "include must be a list of files")
        return [v for v in found if isinstance(v.value, str) and len(v.path) == 2]

    def _resolve(self, entry: str, file: ConfigFile) -> Path:
        beside = Path(os.path.normpath(file.path.parent / entry))
        below_root = Path(os.path.normpath(self.root.parent / entry))
        return below_root if not beside.exists() and below_root.exists() else beside

    def _read(self, entry: str, path: Path, place: Source, file: ConfigFile) -> ConfigFile | None:
        if not path.exists():
            self.problems.add(place, f"includes {entry}, which does not exist")
            return None
        shown = os.path.join(os.path.dirname(file.shown), entry)  # noqa: PTH118, PTH120 - as typed
        text = read_text(path, shown, self.problems)
        return None if text is None else self.file(path, shown, text, self._target(path))

    def _target(self, path: Path) -> PurePosixPath:
        """The place beside litellm.yaml that a file has beside the root, if it can have it."""
        relative = PurePosixPath(os.path.relpath(path, self.root.parent))
        if can_keep_place(relative) and not self._is_in_place(path, relative):
            return relative
        names = (f"{path.stem}{'' if n == 1 else n}{path.suffix}" for n in range(1, 1000))
        free = (PurePosixPath(INCLUDED, name) for name in names)
        return next(target for target in free if target not in self.targets.values())

    def _is_in_place(self, path: Path, relative: PurePosixPath) -> bool:
        """True if the project's file is the original itself, which is not changed."""
        target = self.project_dir / relative
        return target.exists() and target.samefile(path)

    def _rewrite(self, file: ConfigFile, entry: Value, path: Path) -> None:
        target = self.targets.get(path)
        if target is None:
            return
        here = self.project_dir / file.target.parent
        # As it was, if it still leads to the file; LiteLLM looks beside the root, too.
        kept = {os.path.normpath(here / str(entry.value)),
                os.path.normpath(self.project_dir / str(entry.value))}  # fmt: skip
        if os.path.normpath(self.project_dir / target) not in kept:
            file.entries[entry.span] = os.path.relpath(
                self.project_dir / target, self.project_dir / file.target.parent
            )


def can_keep_place(relative: PurePosixPath) -> bool:
    """False for a path outside of the folder, and for the names of the project's own files."""
    inside = not relative.is_absolute() and ".." not in relative.parts
    own = str(relative) in _TAKEN or relative.parts[:1] in {(name,) for name in _TAKEN_FOLDERS}
    return inside and not own
