"""Plan an adoption: everything is read and checked here, and nothing is written.

Owns which file FILE is, and what is written where. The same FILE and the same project give the same
plan, so an adoption that was interrupted is finished by the same command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from gatewayctl import network
from gatewayctl.errors import SettingsInvalid
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operating_system import real_path
from gatewayctl.operations.project.adopt import compose_file
from gatewayctl.operations.project.adopt.compose_gateway import ComposeGateway, read_gateway
from gatewayctl.operations.project.adopt.edits import apply_edits
from gatewayctl.operations.project.adopt.moved import Environment, Moves, show_path
from gatewayctl.operations.project.adopt.moves import DATABASE, plan_moves
from gatewayctl.operations.project.adopt.report import AdoptedSecret, Notice
from gatewayctl.operations.project.adopt.side_files import (
    Find,
    SideFile,
    SideFiles,
    find_side_files,
)
from gatewayctl.operations.project.adopt.sources import (
    Sources,
    can_keep_place,
    read_sources,
    read_text,
)
from gatewayctl.settings import fields
from gatewayctl.settings.litellm.config import OWNED, REFERENCE
from gatewayctl.settings.litellm.service import APP
from gatewayctl.settings.litellm.yaml_text import read_yaml_text
from gatewayctl.settings.model import Source
from gatewayctl.settings.problems import Problems

CONFIG_NAMES: Final = (
    *("litellm_config.yaml", "litellm_config.yml", "litellm-config.yaml", "litellm-config.yml"),
    *("litellm.yaml", "litellm.yml", "config.yaml", "config.yml"),
    *("proxy_config.yaml", "proxy_config.yml", "proxy_server_config.yaml"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file of the project. ``made_from`` is the original, which is never changed elsewhere."""

    target: PurePosixPath
    made_from: Path
    content: bytes = field(repr=False)
    private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """All that an adoption writes: to .env, beside gateway.yaml, and into gateway.yaml.

    ``services`` are settings of gateway.yaml by dotted name. ``environment``, ``copied`` and
    ``mounts`` are for the service litellm: variables that its configuration does not name, files
    for its folder, and paths inside it with what is there. ``reads`` are the variables that the
    adopted configuration refers to, without those of gatewayctl.
    """

    source: Path
    env: Mapping[str, str] = field(repr=False)
    files: tuple[PlannedFile, ...]
    ignored: tuple[str, ...]
    services: Mapping[str, str]
    environment: tuple[str, ...]
    copied: tuple[str, ...]
    mounts: Mapping[str, str]
    secrets: tuple[AdoptedSecret, ...]
    masked: tuple[str, ...]
    reads: tuple[str, ...]
    notes: tuple[Notice, ...]
    conflicts: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """FILE, as far as it is known what it is."""

    path: Path
    shown: str
    text: str
    find: Find
    gateway: ComposeGateway | None = None


def plan_adoption(
    file: Path, project_dir: Path, *, environ: Mapping[str, str] = MappingProxyType({})
) -> Adoption:
    """Read FILE and everything it names, and plan what to write.

    FILE is a LiteLLM configuration, a Compose file that mounts one, or a folder with one of them.
    Of a .env beside it, only what it refers to is taken over, and what LiteLLM reads by itself: its
    master key, its salt key and its database.
    Raises SettingsInvalid with every problem and its line, and EnvFileUnreadable.
    """
    problems = Problems()
    opened = _open(file, environ, problems)
    present = Environment(
        env=compose_file.read_variables(project_dir / ".env"),
        environ=environ,
        beside={} if opened is None else compose_file.read_variables(opened.path.parent / ".env"),
    )
    sources = None
    if opened is not None:
        sources = read_sources(
            opened.path, opened.shown, opened.text, project_dir=project_dir, problems=problems
        )
    problems.raise_all()
    if opened is None or sources is None:
        raise SettingsInvalid(f"{file} cannot be read.")
    fixed = None if opened.gateway is None else dict(opened.gateway.variables)
    moves = plan_moves(sources, present, problems, fixed=fixed)
    compose = None if opened.gateway is None else opened.gateway.compose
    side = find_side_files(sources, opened.find, compose=compose)
    adoption = _adoption(opened, sources, moves, side, problems)
    problems.raise_all()
    return adoption


def _open(file: Path, environ: Mapping[str, str], problems: Problems) -> _Opened | None:
    shown = str(file)
    path = Path(os.path.abspath(file))  # noqa: PTH100 - keeps links, beside which modules are
    if path.is_dir():
        found = _in_folder(path, problems, shown)
        if found is None:
            return None
        path, shown = path / found, os.path.join(shown, found)  # noqa: PTH118 - as it was typed
    text = read_text(path, shown, problems)
    parsed = None if text is None else read_yaml_text(text, name=shown, problems=problems)
    if text is None or parsed is None:
        return None
    if not compose_file.is_compose(parsed.data):
        return _Opened(path=path, shown=path.name, text=text, find=_beside(path))
    compose = compose_file.read_compose(path, shown, parsed, environ)
    gateway = read_gateway(compose, problems)
    if gateway is None:
        return None
    text = gateway.text
    if text is None:
        text = read_text(gateway.path, os.path.relpath(gateway.path), problems)
    if text is None:
        return None
    shown = shown if gateway.text is not None else os.path.relpath(gateway.path)
    return _Opened(
        path=gateway.path, shown=shown, text=text, find=_safe(gateway.find), gateway=gateway
    )


def _in_folder(folder: Path, problems: Problems, shown: str) -> str | None:
    """The file of a folder that is meant: a Compose file with LiteLLM, else the configuration."""
    for name in compose_file.NAMES:
        if (folder / name).is_file():
            text = read_text(folder / name, name, Problems())
            parsed = None if text is None else read_yaml_text(text, name=name, problems=Problems())
            if parsed is None or not compose_file.is_compose(parsed.data):
                continue
            file = compose_file.read_compose(folder / name, name, parsed, {})
            if file.litellm() is not None:
                return name
    found = [name for name in CONFIG_NAMES if (folder / name).is_file()]
    if len(found) != 1:
        what = f"has several: {', '.join(found)}" if found else "has no configuration of LiteLLM"
        problems.add(Source(name=shown), f"{what}; give the file itself")
        return None
    return found[0]


def _beside(root: Path) -> Find:
    return _safe(lambda path: root.parent / path)


def _safe(find: Find) -> Find:
    """Find nothing for a text that no path can be."""

    def safe(path: str) -> Path | None:
        try:
            found = find(path)
            return found if found is not None and found.exists() else None
        except (OSError, ValueError):
            return None

    return safe


def _adoption(
    opened: _Opened, sources: Sources, moves: Moves, side: SideFiles, problems: Problems
) -> Adoption:
    gateway = opened.gateway
    files = [
        PlannedFile(
            target=file.target,
            made_from=file.path,
            content=apply_edits(
                file, {**moves.edits.get(index, {}), **file.entries}, problems
            ).encode(),
            private=False,
        )
        for index, file in enumerate(sources.files)
    ]
    _note_missing(moves, side)
    mounts = _mounts(opened, moves, side)
    files += [
        PlannedFile(target=f.target, made_from=f.path, content=f.content, private=f.secret)
        for f in side.found.values()
    ]
    _check_targets(files, problems)
    texts = "\n".join(file.content.decode() for file in files[: len(sources.files)])
    named = {*REFERENCE.findall(texts), *fields.STACK_SECRETS, *network.VARIABLES, DATABASE}
    return Adoption(
        source=opened.path if gateway is None else gateway.compose,
        env=MappingProxyType(moves.values),
        files=tuple(files),
        ignored=tuple(str(f.target) for f in side.found.values() if f.secret),
        services=MappingProxyType({} if gateway is None else dict(gateway.settings)),
        environment=tuple(
            name for name in (gateway.variables if gateway else ()) if name not in named
        ),
        copied=tuple(str(f.target) for f in side.found.values() if not (f.secret or f.is_module)),
        mounts=MappingProxyType(mounts),
        secrets=tuple(moves.secrets),
        masked=tuple(moves.masked),
        reads=tuple(sorted(_reads(sources, moves) - fields.STACK_SECRETS)),
        notes=(*moves.notes, *(gateway.notes if gateway else ())),
        conflicts=tuple(moves.conflicts),
    )


def _reads(sources: Sources, moves: Moves) -> set[str]:
    texts = (
        str(value.value) for _, value in sources.values() if show_path(value.path) not in OWNED
    )
    return set(REFERENCE.findall("\n".join(texts))) | {secret.name for secret in moves.secrets}


def _check_targets(files: list[PlannedFile], problems: Problems) -> None:
    """Report two files that would be written to one place: the last would win."""
    made_from: dict[PurePosixPath, Path] = {}
    for file in files:
        if file.target in made_from:
            problems.add(
                Source(name=str(file.made_from)),
                f"would become {file.target}, like {made_from[file.target]}: rename one of them",
            )
        made_from[file.target] = file.made_from


def _note_missing(moves: Moves, side: SideFiles) -> None:
    for file, value, reason in side.missing:
        moves.conflict(file, value.line, f"{value.name}: {reason}")


def _mounts(opened: _Opened, moves: Moves, side: SideFiles) -> dict[str, str]:
    """What LiteLLM finds at a path: credentials of the project, and files of this machine."""
    mounts = {f"{APP}/{f.target}": str(f.target) for f in side.found.values() if f.secret}
    for file, value in side.absolute:
        text = str(value.value)
        found = opened.find(text)
        if found is None:
            moves.note(
                file, value.line, f"{value.name}: {text} is not on this machine; LiteLLM needs it"
                " at that path (services.litellm.mounts)",
            )  # fmt: skip
        else:
            copied = _copy_of_compose(opened, found, side)
            mounts[text] = str(found if copied is None else copied)
    return mounts


def _copy_of_compose(opened: _Opened, path: Path, side: SideFiles) -> PurePosixPath | None:
    """The place of a file that a Compose file mounts from its own folder: it comes along."""
    folder = None if opened.gateway is None else opened.gateway.compose.parent
    if folder is None or not path.is_file() or not path.is_relative_to(folder):
        return None
    target = PurePosixPath(path.relative_to(folder))
    if not can_keep_place(target):
        return None
    if real_path(path) in side.originals:
        return side.originals[real_path(path)]
    if target in side.found and real_path(side.found[target].path) != real_path(path):
        return None
    content = read_regular_file(path)
    side.found[target] = SideFile(path=path, target=target, content=content, secret=True)
    return target
