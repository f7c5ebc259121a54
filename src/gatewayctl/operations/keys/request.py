"""A virtual key requested on the command line, checked before anything is sent.

Owns names, durations and models of keys that gateway.yaml may not declare. Must not know
LiteLLM or the content of .env.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.keys.values import check_key_variable
from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.declared.limits import DURATION
from gatewayctl.settings.model import Settings
from gatewayctl.settings.problems import suggest
from gatewayctl.settings.sections.limits import is_known_model, model_names

_LONGEST_ALIAS: Final = 200
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 30 * 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """The arguments of `keys create`; None or empty for an option that was not given."""

    alias: str | None = None
    env: str | None = None
    models: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    duration: str | None = None

    @property
    def has_options(self) -> bool:
        return bool(self.env or self.models or self.metadata or self.duration)


def resolve_requested_keys(settings: Settings, request: KeyRequest) -> tuple[DeclaredKey, ...]:
    """Find the requested keys: all declared ones, a declared one, or one from the options.

    Raises UsageProblem for what LiteLLM or .env would not accept.
    """
    if request.alias is None:
        if request.has_options:
            raise UsageProblem(
                "These options need an ALIAS.", hint="For example: `gatewayctl keys create my-app`."
            )
        return settings.keys
    declared = next((key for key in settings.keys if key.alias == request.alias), None)
    if declared is None:
        return (_resolve_undeclared(settings, request.alias, request),)
    if request.has_options:
        raise UsageProblem(
            f"The key {request.alias} is declared in gateway.yaml.",
            hint="Change it there, and omit the options.",
        )
    return (declared,)


def _resolve_undeclared(settings: Settings, alias: str, request: KeyRequest) -> DeclaredKey:
    if not alias.strip() or alias != alias.strip() or not alias.isprintable():
        raise UsageProblem(f"Invalid alias {alias!r}: expected printable characters.")
    if ".." in alias or len(alias) > _LONGEST_ALIAS:
        raise UsageProblem(f"Invalid alias {alias[:40]!r}: too long, or with two dots in a row.")
    env = request.env or default_variable(alias)
    check_key_variable(settings, env, option="--env")
    taken = next((key.alias for key in settings.keys if key.env == env), None)
    if taken is not None:
        raise UsageProblem(
            f"Invalid --env {env}: it holds the key {taken}.", hint="Choose another variable."
        )
    _check_models(settings, request.models)
    check_duration(request.duration, option="--duration")
    return DeclaredKey(
        alias=alias,
        env=env,
        models=tuple(dict.fromkeys(request.models)),
        metadata=MappingProxyType(dict(request.metadata)),
        duration=request.duration,
    )


def check_duration(duration: str | None, *, option: str) -> None:
    """Raise UsageProblem for a duration that LiteLLM does not accept."""
    if duration is not None and not DURATION.fullmatch(duration):
        raise UsageProblem(
            f"Invalid {option} {duration!r}: expected a number and a unit.",
            hint="For example: 30m, 12h or 30d.",
        )


def duration_seconds(duration: str) -> int:
    """A duration such as ``30d`` in seconds; a month counts 30 days."""
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * _SECONDS[unit]


def default_variable(alias: str) -> str:
    """The variable of a key without ``--env``: ``my-app`` → ``MY_APP_KEY``."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", alias).strip("_").upper()
    name = words if words.endswith("KEY") else f"{words}_KEY".lstrip("_")
    return f"KEY_{name}" if name[0].isdigit() else name


def _check_models(settings: Settings, names: Iterable[str]) -> None:
    declared = model_names(settings.models)
    for name in names:
        if not is_known_model(name, declared):
            raise UsageProblem(
                f"gateway.yaml declares no model {name!r} {suggest(name, declared)}."
            )
