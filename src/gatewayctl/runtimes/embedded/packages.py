"""The packages of ``embedded.packages``: resolved once with hashes, installed beside LiteLLM.

``embedded-packages.lock``, beside gateway.yaml and meant for version control, has every package
that they need, in the versions of the base environment where that has it: nothing there is ever
replaced. What the base environment lacks is installed into a folder of its own inside it, named
after the lock, and put last on LiteLLM's path (quick_start.py): other projects do not see it. Owns
the lock and the folder. Must not know who needs a package.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

from gatewayctl.errors import InstallFailed, PackagesUnresolved
from gatewayctl.files.atomic import write_atomically
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.embedded import install
from gatewayctl.runtimes.embedded.environment import LOCKS, Environment, locate
from gatewayctl.runtimes.process import run
from gatewayctl.settings.model import Settings
from gatewayctl.settings.sections.embedded import name_of, normalize

LOCK_NAME: Final = "embedded-packages.lock"
_HEADER: Final = "# Written by gatewayctl for embedded.packages of gateway.yaml: keep it with that."
_FOR: Final = "# packages: "
_BASE: Final = "# base: "
_SUBJECT: Final = "embedded.packages"
_SECONDS: Final = 600.0
_LAST_LINES: Final = 12
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def folder_of(settings: Settings, environment: Environment) -> Path | None:
    """Where the packages are installed; None if there are none, or no lock for them yet."""
    if not settings.embedded_packages or not _lock(settings).is_file():
        return None
    digest = hashlib.sha256(_lock(settings).read_bytes()).hexdigest()[:16]
    folder = environment.root / "packages" / digest
    if _is_current(settings):
        return folder
    # The environment of an older gatewayctl keeps what its own lock installed until the next `up`.
    return folder if environment.root != locate().root and folder.is_dir() else None


def is_installed(settings: Settings, environment: Environment) -> bool:
    """True if the environment and the packages of the project are complete."""
    folder = folder_of(settings, environment)
    if settings.embedded_packages and folder is None:
        return False
    return environment.complete and (folder is None or folder.is_dir())


def available(settings: Settings) -> frozenset[str]:
    """The normalized names of the packages that LiteLLM has or will have."""
    names = {normalize(name) for name, _ in _PINNED.findall(_base_lock())}
    names |= {name_of(requirement) for requirement in settings.embedded_packages}
    if _is_current(settings):
        text = _lock(settings).read_text(encoding="utf-8")
        names |= {normalize(name) for name, _ in _PINNED.findall(text)}
    return frozenset(names)


def ensure(
    settings: Settings, environment: Environment, variables: Mapping[str, str]
) -> Generator[Progress, None, None]:
    """Install the environment, then resolve and install the packages of the project.

    Raises what `install.ensure` raises, and PackagesUnresolved, before anything is stopped.
    """
    yield from install.ensure(environment, variables)
    if not settings.embedded_packages:
        _remove_lock(settings)
        return
    env = {**install.clean_environment(), **variables}
    if not _is_current(settings):
        yield Progress(subject=_SUBJECT, state="working", detail="resolving")
        _resolve(settings, env)
        yield Progress(subject=_SUBJECT, state="working", detail=f"wrote {LOCK_NAME}")
    folder = folder_of(settings, environment)
    if folder is not None and not folder.is_dir():
        yield Progress(subject=_SUBJECT, state="working", detail="installing")
        with install.hold_lock(environment.root):
            if not folder.is_dir():
                _install(settings, environment, folder, env)
        yield Progress(subject=_SUBJECT, state="ready", detail=str(folder))


def _lock(settings: Settings) -> Path:
    return settings.project_dir / LOCK_NAME


def _base_lock() -> str:
    return (LOCKS / "litellm.txt").read_text(encoding="utf-8")


def _head(settings: Settings) -> str:
    base = hashlib.sha256(_base_lock().encode()).hexdigest()[:16]
    packages = " ".join(sorted(each.replace(" ", "") for each in settings.embedded_packages))
    return f"{_HEADER}\n{_FOR}{packages}\n{_BASE}{base}\n"


def _is_current(settings: Settings) -> bool:
    try:
        return _lock(settings).read_text(encoding="utf-8").startswith(_head(settings))
    except (OSError, UnicodeDecodeError):
        return False


def _remove_lock(settings: Settings) -> None:
    """Remove a lock that no entry needs any more, if gatewayctl wrote it."""
    try:
        if _lock(settings).read_text(encoding="utf-8").startswith(_HEADER):
            _lock(settings).unlink()
    except (OSError, UnicodeDecodeError):
        return


def _resolve(settings: Settings, env: dict[str, str]) -> None:
    """Write the lock: wheels only, the versions of an earlier lock where they still fit."""
    with tempfile.TemporaryDirectory(prefix="gatewayctl-") as name:
        wanted, output = Path(name) / "packages.in", Path(name) / "packages.txt"
        wanted.write_text("\n".join(settings.embedded_packages) + "\n", encoding="utf-8")
        if _lock(settings).is_file():
            shutil.copyfile(_lock(settings), output)
        argv = install.uv_command(
            "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
            "--no-build", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet",
            "--constraint", str(LOCKS / "litellm.txt"), str(wanted), "--output-file", str(output),
        )  # fmt: skip
        done = run(argv, env=env, cwd=Path(name), timeout=_SECONDS)
        if done.returncode != 0:
            raise _explain_unresolved(settings, done.stderr)
        text = output.read_text(encoding="utf-8")
    write_atomically(_lock(settings), (_head(settings) + text).encode())


def _install(
    settings: Settings, environment: Environment, folder: Path, env: dict[str, str]
) -> None:
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        requirements, target = Path(name) / "packages.txt", Path(name) / "packages"
        text = _lock(settings).read_text(encoding="utf-8")
        requirements.write_text("".join(_lacking(text, environment)), encoding="utf-8")
        target.mkdir()
        argv = install.uv_command(
            "pip", "install", "--python", str(environment.python("litellm")),
            "--target", str(target), "--require-hashes", "--no-deps", "--no-build",
            "--no-progress", "--compile-bytecode", "--requirements", str(requirements),
        )  # fmt: skip
        done = run(argv, env=env, cwd=Path(name), timeout=_SECONDS)
        if done.returncode != 0:
            raise InstallFailed(
                f"Installing {_SUBJECT} failed:\n{_ending(done.stderr or done.stdout)}"
            )
        target.rename(folder)


def _lacking(lock: str, environment: Environment) -> Iterator[str]:
    """The requirements of a lock that the environment has not in this version."""
    packages = environment.site_packages("litellm")
    installed = {
        (normalize(name), version)
        for each in packages.glob("*.dist-info")
        for name, _, version in (each.name.removesuffix(".dist-info").partition("-"),)
    }
    for entry in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        found = _PINNED.match(entry)
        if found and (normalize(found[1]), found[2]) not in installed:
            yield entry


def _explain_unresolved(settings: Settings, output: str) -> PackagesUnresolved:
    packages, place = ", ".join(settings.embedded_packages), settings.source_of(_SUBJECT)
    return PackagesUnresolved(
        f"{place}: {_SUBJECT} ({packages}) cannot be resolved:\n{_ending(output)}"
    )


def _ending(output: str) -> str:
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-_LAST_LINES:])
