"""The verb `init --from`: adopt an existing gateway into a project's folder.

Owns its steps and what happens to gateway.yaml. Everything is planned and checked before the first
file is written, and gateway.yaml is written last: what a kill leaves is finished by a repetition,
which finds the files that are there already and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.operating_system import real_path
from gatewayctl.operations.project import init as first
from gatewayctl.operations.project.adopt.gateway_file import (
    adopted_gateway_yaml,
    declares_config,
    find_missing,
)
from gatewayctl.operations.project.adopt.plan import Adoption, plan_adoption
from gatewayctl.operations.project.adopt.report import AdoptedFile, AdoptReport, Notice
from gatewayctl.operations.project.adopt.sources import CONFIG_NAME
from gatewayctl.operations.project.adopt.write import check_files, write_env, write_files
from gatewayctl.operations.state.exclusive import change_folder
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import STATE_DIR_NAME, Settings
from gatewayctl.settings.scalars import slug

_NO_FLAGS: Final[Mapping[str, Any]] = MappingProxyType({})


def adopt(
    project_dir: Path,
    file: Path,
    *,
    force: bool = False,
    flags: Mapping[str, Any] = _NO_FLAGS,
    environ: Mapping[str, str] | None = None,
) -> first.InitReport:
    """Write litellm.yaml from FILE, its secrets into .env, its files beside it, and gateway.yaml.

    No value that exists is overwritten; ``force`` replaces files with another content, which are
    kept. Raises SettingsInvalid with every problem of FILE and its line before anything is written,
    and the errors of `init`.
    """
    environ = os.environ if environ is None else environ
    folder = real_path(project_dir)
    _plan(file, folder, environ, force=force)
    folder = first.make_folder(folder)
    load = partial(load_settings, folder, flags=flags, environ=environ)
    timeout = flags.get("lock_timeout")
    with change_folder(folder / STATE_DIR_NAME, "init", lock_timeout=timeout) as change:
        # Once more, now that nothing else changes the project.
        adoption, text = _plan(file, folder, environ, force=force)
        report = _adopt(adoption, text, folder, load, environ)
        change.problem = report.problem
    return report


def _plan(
    file: Path, folder: Path, environ: Mapping[str, str], *, force: bool
) -> tuple[Adoption, bytes | None]:
    """The plan, and the new gateway.yaml or None to keep it; nothing is written."""
    adoption = plan_adoption(file, folder, environ=environ)
    check_files(adoption, folder, force=force)
    text = _new_gateway_yaml(adoption, folder, force=force)
    return (adoption if text is not None else _for_kept(adoption, folder)), text


def _for_kept(adoption: Adoption, folder: Path) -> Adoption:
    """The adoption with what a gateway.yaml that is kept lacks as something to do."""
    missing = find_missing(first.read_config(folder) or b"", adoption)
    if not missing:
        return adoption
    message = f"is kept as it is; add to it what was taken over: {'; '.join(missing)}"
    to_do = Notice(place="gateway.yaml", message=message)
    return replace(adoption, services=MappingProxyType({}), conflicts=(*adoption.conflicts, to_do))


def _new_gateway_yaml(adoption: Adoption, folder: Path, *, force: bool) -> bytes | None:
    name = slug(folder.name)
    new = adopted_gateway_yaml(name, adoption).encode()
    old = first.read_config(folder)
    if old is None or (old != new and (force or old == first.initial_config(folder))):
        return new
    if old == new or declares_config(old):
        return None
    raise SettingsInvalid(
        problems=(
            Problem(source="gateway.yaml", message=f"exists, and has no `litellm: {CONFIG_NAME}`"),
        ),
        hint=f"Nothing was changed. Put `litellm: {CONFIG_NAME}` in the place of models: in it, or"
        " replace it with --force, which keeps the old file.",
    )


def _adopt(
    adoption: Adoption,
    text: bytes | None,
    folder: Path,
    load: Callable[[], Settings],
    environ: Mapping[str, str],
) -> first.InitReport:
    ignored, added = write_env(adoption, folder)
    ensured = _ensure(load)
    files = write_files(adoption, folder)
    state, backup = first.write_config(folder, text)
    ensured = ensured or _ensure(load)
    adopted = _report(adoption, files, _find_problems(load))
    generated = () if ensured is None else ensured.env_added
    ignored += () if ensured is None else ensured.gitignore_added
    changed = any(file.state != "unchanged" for file in files)
    return first.InitReport(
        project_dir=folder,
        gateway_yaml=state,
        backup=backup,
        env_file=folder / ".env",
        env_added=(*added, *generated),
        gitignore_added=ignored,
        openai_api_key=None,
        provider_keys_missing=_find_missing(adoption, folder, environ),
        changed=bool(changed or state != "kept" or added or generated or ignored),
        warnings=() if ensured is None else ensured.warnings,
        adopted=adopted,
    )


def _ensure(load: Callable[[], Settings]) -> first.Ensured | None:
    """Generate the secrets that are missing; None if the settings are not valid yet."""
    try:
        settings = load()
    except SettingsInvalid:
        return None
    return first.ensure_project(settings)


def _find_problems(load: Callable[[], Settings]) -> tuple[Notice, ...]:
    """What is wrong with the settings now, without raising it: the adoption is complete."""
    try:
        load()
    except SettingsInvalid as error:
        return tuple(Notice(place=p.source, message=p.message) for p in error.problems)
    return ()


def _find_missing(adoption: Adoption, folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    env = read_env_file(folder / ".env")
    filled = {name for name, entry in env.items() if entry.value} | set(environ)
    return tuple(name for name in adoption.reads if name not in filled)


def _report(
    adoption: Adoption, files: tuple[AdoptedFile, ...], problems: tuple[Notice, ...]
) -> AdoptReport:
    secrets = {secret.name for secret in adoption.secrets}
    return AdoptReport(
        source=adoption.source,
        secrets=adoption.secrets,
        variables=tuple(sorted(set(adoption.env) - secrets)),
        masked=adoption.masked,
        files=files,
        services=adoption.services,
        notes=adoption.notes,
        conflicts=adoption.conflicts,
        problems=problems,
    )
