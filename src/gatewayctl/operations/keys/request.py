"""A virtual key asked for on the command line, checked before anything is sent.

Owns names, durations and metadata of keys that gateway.yaml may not know. Must not know
LiteLLM or .env's content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.keys.values import check_key_variable, parse_pairs, suggest_nearest
from gatewayctl.settings.model import DeclaredKey, Settings
from gatewayctl.settings.sections.keys import DURATION

_LONGEST_ALIAS: Final = 200
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 30 * 86400}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """What the operator typed; None or empty where an option was not given."""

    alias: str | None = None
    env: str | None = None
    models: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    duration: str | None = None

    @property
    def has_options(self) -> bool:
        return bool(self.env or self.models or self.metadata or self.duration)


def resolve_requested_keys(settings: Settings, ask: KeyRequest) -> tuple[DeclaredKey, ...]:
    """The keys meant: all declared ones, a declared one, or one made of the options.

    Raises UsageProblem for whatever LiteLLM or a reader of .env would not take.
    """
    if ask.alias is None:
        if ask.has_options:
            raise UsageProblem(
                "These options need an ALIAS.", hint="For example: gatewayctl keys create my-app."
            )
        return settings.keys
    declared = next((key for key in settings.keys if key.alias == ask.alias), None)
    if declared is None:
        return (_resolve_undeclared(settings, ask.alias, ask),)
    if ask.has_options:
        raise UsageProblem(
            f"{ask.alias} is declared in gateway.yaml, which says how it should be.",
            hint="Change it there, and leave the options out.",
        )
    return (declared,)


def _resolve_undeclared(settings: Settings, alias: str, ask: KeyRequest) -> DeclaredKey:
    if not alias.strip() or alias != alias.strip() or not alias.isprintable():
        raise UsageProblem(f"{alias!r} is no alias: it must be printable, without blanks around.")
    if ".." in alias or len(alias) > _LONGEST_ALIAS:
        raise UsageProblem(f"LiteLLM refuses the alias {alias[:40]!r}: '..' in it, or too long.")
    env = ask.env or default_variable(alias)
    check_key_variable(settings, env, option="--env")
    taken = next((key.alias for key in settings.keys if key.env == env), None)
    if taken is not None:
        raise UsageProblem(f"--env {env} holds the key {taken}.", hint="Name another variable.")
    _check_models(settings, ask.models)
    check_duration(ask.duration, option="--duration")
    return DeclaredKey(
        alias=alias,
        env=env,
        models=tuple(dict.fromkeys(ask.models)),
        metadata=MappingProxyType(parse_pairs(ask.metadata, option="--metadata")),
        duration=ask.duration,
    )


def check_duration(duration: str | None, *, option: str) -> None:
    """Raise UsageProblem for what LiteLLM does not take for a duration."""
    if duration is not None and not DURATION.fullmatch(duration):
        raise UsageProblem(
            f"{option} {duration!r} is none.", hint="Write it like 30s, 30m, 12h or 30d."
        )


def duration_seconds(duration: str) -> int:
    """A duration such as ``30d`` in seconds; a month counts 30 days."""
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * _SECONDS[unit]


def default_variable(alias: str) -> str:
    """The variable a key gets if nobody names one: ``my-app`` → ``MY_APP_KEY``."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", alias).strip("_").upper()
    name = words if words.endswith("KEY") else f"{words}_KEY".lstrip("_")
    return f"KEY_{name}" if name[0].isdigit() else name


def _check_models(settings: Settings, names: Iterable[str]) -> None:
    declared = [model.name for model in settings.models]
    for name in names:
        if name not in declared:
            raise UsageProblem(
                f"gateway.yaml declares no model {name!r}.", hint=suggest_nearest(name, declared)
            )
