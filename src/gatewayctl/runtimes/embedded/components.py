"""What is installed in an embedded environment: Python packages, npm packages, PostgreSQL.

Reads the installed packages, not the locks, whose markers leave some out. Must not know in which
format it is listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from gatewayctl.errors import EnvironmentBroken
from gatewayctl.runtimes.components import SoftwareComponent
from gatewayctl.runtimes.embedded.environment import VENVS, Environment


def list_components(environment: Environment) -> tuple[SoftwareComponent, ...]:
    """Every package of the environment once, sorted. Raises EnvironmentBroken without one."""
    if not environment.complete:
        raise EnvironmentBroken(
            "The embedded environment is not installed yet.",
            hint="Run `gatewayctl up`, which installs it.",
        )
    found = {*_python_packages(environment), *_npm_packages(environment), _postgres(environment)}
    return tuple(sorted(found))


def _python_packages(environment: Environment) -> Iterator[SoftwareComponent]:
    for venv in VENVS:
        for each in distributions(path=[str(environment.site_packages(venv))]):
            name = re.sub(r"[-_.]+", "-", each.name).lower()
            yield SoftwareComponent(
                purl=f"pkg:pypi/{name}@{each.version}",
                name=name,
                version=each.version,
                license=_find_license(each),
            )


def _find_license(package: Distribution) -> str:
    """The license as one line; some packages have its whole text there."""
    fields = package.metadata.json
    stated = str(fields.get("license_expression") or fields.get("license") or "")
    return "" if "\n" in stated or stated == "UNKNOWN" else stated


def _npm_packages(environment: Environment) -> Iterator[SoftwareComponent]:
    lock = json.loads((environment.prisma / "package-lock.json").read_text(encoding="utf-8"))
    for place, package in lock["packages"].items():
        name = place.rpartition("node_modules/")[2]
        if name:
            yield SoftwareComponent(
                purl=f"pkg:npm/{name.replace('@', '%40')}@{package['version']}",
                name=name,
                version=package["version"],
                license=package.get("license", ""),
            )


def _postgres(environment: Environment) -> SoftwareComponent:
    version = environment.versions().get("postgres", "unknown")
    return SoftwareComponent(
        purl=f"pkg:generic/postgresql@{version}",
        name="postgresql",
        version=version,
        license="PostgreSQL",
        kind="application",
    )
