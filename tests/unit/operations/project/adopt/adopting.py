"""Adopts a text in the place of a file, and shows what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from gatewayctl.operations.project.adopt.plan import Adoption, plan_adoption

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """The plan of an adoption, and litellm.yaml as text and as data."""

    plan: Adoption
    text: str
    data: dict[str, Any]

    @property
    def env(self) -> Mapping[str, str]:
        return self.plan.env

    @property
    def targets(self) -> set[str]:
        return {str(file.target) for file in self.plan.files}

    @property
    def notices(self) -> str:
        found = (*self.plan.notes, *self.plan.conflicts)
        return "\n".join(f"{notice.place}: {notice.message}" for notice in found)


def adopt_text(
    folder: Path,
    text: str,
    *,
    env: str | None = None,
    environ: Mapping[str, str] = NOTHING,
    name: str = "config.yaml",
) -> Adopted:
    """Plan the adoption of a text into ``folder/new``, whose .env may exist already."""
    project = folder / "new"
    project.mkdir(exist_ok=True)
    if env is not None:
        (project / ".env").write_text(env)
    original = folder / name
    original.write_bytes(text.encode())
    return show(plan_adoption(original, project, environ=environ))


def show(plan: Adoption) -> Adopted:
    """The plan with what its first file, litellm.yaml, contains."""
    content = plan.files[0].content.decode()
    return Adopted(plan=plan, text=content, data=yaml.safe_load(content))
