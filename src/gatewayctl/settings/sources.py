"""Read the layers of settings, and find the one that takes precedence.

Precedence: flag > process environment > .env > gateway.yaml > default. Every value keeps
its source. Must not know what the values mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewayctl.env_file import read
from gatewayctl.env_file.read import EnvValue
from gatewayctl.errors import EnvFileMissing
from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.document import Node, parse
from gatewayctl.settings.fields import Field
from gatewayctl.settings.masking import named_like_a_secret, remember, remember_variables
from gatewayctl.settings.model import ENVIRONMENT, Source
from gatewayctl.settings.problems import Problems

CONFIG_NAME = "gateway.yaml"
ENV_FILE_NAME = ".env"
_NUMBERED = frozenset({"ports"})
"""Mappings with integers as names, as in Compose: `ports: {8080: 80}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedValue:
    """A value as written, and its source."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """All sources of one project, read once."""

    flags: Mapping[str, Any]
    environ: Mapping[str, str]
    env_file: Mapping[str, EnvValue]
    document: Node

    def variable(self, name: str) -> SourcedValue | None:
        """Find a variable in the environment, else in .env; an empty one counts as unset."""
        entry = self.env_file.get(name)
        line = Source(name=ENV_FILE_NAME, line=entry.line) if entry and entry.value else None
        if value := self.environ.get(name):
            overrides = line if entry is not None and entry.value != value else None
            source = Source(name=f"{ENVIRONMENT}{name}", overrides=overrides)
            return SourcedValue(value=value, source=source)
        if entry is None or line is None:
            return None
        return SourcedValue(value=entry.value, source=line)

    def find(self, field: Field) -> SourcedValue | None:
        """Find the value of a setting in the first layer that has one."""
        flag = self.flags.get(field.name)
        if flag is not None:
            return SourcedValue(value=flag, source=Source(name=field.flag or f"flag {field.name}"))
        found = None if field.env is None else self.variable(field.env)
        node = None if field.yaml is None else self.document.at(field.yaml)
        if found is None and node is not None and node.value is not None:
            found = SourcedValue(value=node.plain(), source=node.source)
        return found


def read_layers(
    project_dir: Path,
    *,
    flags: Mapping[str, Any],
    environ: Mapping[str, str] | None,
    problems: Problems,
    require_env_file: bool,
) -> Layers:
    """Read .env and gateway.yaml of a project, if they exist.

    Raises EnvFileMissing if a .env is required, and EnvFileUnreadable.
    """
    environ = os.environ if environ is None else environ
    env_file = _env_file(project_dir / ENV_FILE_NAME, problems, require_env_file)
    # Before anything can be reported: no message of this process shows these values.
    remember_variables({name: entry.value for name, entry in env_file.items()})
    remember(value for name, value in environ.items() if named_like_a_secret(name))
    return Layers(
        flags=flags,
        environ=environ,
        env_file=env_file,
        document=_document(project_dir, problems),
    )


def _env_file(path: Path, problems: Problems, required: bool) -> Mapping[str, EnvValue]:
    try:
        values = read.read_env_file(path)
    except EnvFileMissing:
        if required:
            raise
        return {}
    for problem in read.find_unparsable_lines(path):
        problems.add(Source(name=ENV_FILE_NAME, line=problem.line), problem.reason)
    return values


def _document(project_dir: Path, problems: Problems) -> Node:
    path = project_dir / CONFIG_NAME
    source = Source(name=CONFIG_NAME)
    other = path.with_suffix(".yml")
    try:
        # Editors on Windows start the file with a byte order mark.
        text = read_regular_file(path).decode("utf-8-sig")
        return parse(text, name=CONFIG_NAME, problems=problems, numbered=_NUMBERED)
    except FileNotFoundError:
        if other.exists():
            problems.add(Source(name=other.name), f"is not read: rename it to {CONFIG_NAME}")
    except UnicodeDecodeError as error:
        problems.add(source, f"is not UTF-8 text (byte {error.start + 1})")
    except OSError as error:
        problems.add(source, f"cannot be read: {error.strerror}")
    return Node(value={}, source=source)
