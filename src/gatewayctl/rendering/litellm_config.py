"""LiteLLM's configuration as rendered: the operator's own with gatewayctl's laid over it.

Owns what gatewayctl lays over it and who wins. Must not know where either came from. Nothing of
the operator's is interpreted: what is not named here is rendered as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gatewayctl.settings.declared.retention import format_period
from gatewayctl.settings.litellm.config import OWNED, LitellmConfig
from gatewayctl.settings.model import Settings, Source

_CALLBACKS: Final = "callbacks"
_REDIS: Final = ("redis_host", "redis_url", "redis_port", "redis_password", "redis_startup_nodes")
_COORDINATION: Final = "coordination_redis"
_PERIOD: Final = "general_settings.maximum_spend_logs_retention_period"
_SCHEDULE: Final = (
    "general_settings.maximum_spend_logs_cleanup_cron",
    "general_settings.maximum_spend_logs_retention_interval",
)
_COUNTING: Final = frozenset({*OWNED, _PERIOD, _SCHEDULE[0]})
"""Those of ours that count, if they are rendered at all."""
_EARLY_CALLBACKS: Final = "litellm_callbacks."
"""How the callback begins that must see a request before those of the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A setting that the operator and gatewayctl both have, its place, and which one counts."""

    path: str
    source: Source
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.path}: {self.message}"


def merge(theirs: LitellmConfig, ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operator's sections with ours laid over them, as LiteLLM will read it."""
    merged: dict[str, Any] = {}
    sections = theirs.sections
    for name in dict.fromkeys((*sections, *ours)):
        merged[name] = _section(name, sections.get(name), ours.get(name))
    return merged


def _section(name: str, theirs: Any, ours: Any) -> Any:
    if ours is None:
        return theirs
    if isinstance(ours, list):
        return [*(theirs or []), *ours]
    given: dict[str, Any] = dict(theirs or {})
    added = {
        key: value
        for key, value in ours.items()
        if f"{name}.{key}" in _COUNTING or not _has(given, name, key)
    }
    if name == "litellm_settings":
        added[_CALLBACKS] = _callbacks(given.get(_CALLBACKS), ours[_CALLBACKS])
    return given | added


def _has(given: Mapping[str, Any], section: str, key: str) -> bool:
    """True if the operator's section has the setting, or another one for the same purpose."""
    if section == "router_settings" and key in _REDIS:
        return any(other in given for other in _REDIS)
    return key in given


def _callbacks(theirs: Any, ours: list[str]) -> list[str]:
    """Theirs in their order: ours that must see a request first before, the others after."""
    given = theirs if isinstance(theirs, list) else [] if theirs is None else [theirs]
    new = [name for name in ours if name not in given]
    early = [name for name in new if name.startswith(_EARLY_CALLBACKS)]
    return [*early, *given, *(name for name in new if name not in early)]


def find_conflicts(settings: Settings) -> tuple[Conflict, ...]:
    """What gatewayctl replaces in the operator's configuration, or leaves out because of it."""
    config = settings.litellm
    return () if config is None else tuple(_conflicts(settings, config))


def _conflicts(settings: Settings, config: LitellmConfig) -> Iterator[Conflict]:
    for path in OWNED:
        node = config.at(path)
        variable = "LITELLM_MASTER_KEY" if path.endswith("master_key") else "DATABASE_URL"
        if node is not None and node.value not in (None, f"os.environ/{variable}"):
            yield Conflict(
                path=path,
                source=node.named,
                message=f"gatewayctl's os.environ/{variable} counts instead",
            )
    yield from _retention_conflicts(settings, config)
    if settings.needs_redis:
        for path in (
            f"general_settings.{_COORDINATION}",
            *(f"router_settings.{name}" for name in _REDIS),
        ):
            if (node := config.at(path)) is not None:
                yield Conflict(
                    path=path,
                    source=node.named,
                    message="this Redis counts instead of the one of the stack",
                )
    names = {model.name for model in settings.models if model.from_litellm}
    for model in settings.models:
        if not model.from_litellm and model.name in names:
            yield Conflict(
                path=f"models.{model.name}",
                source=settings.source_of(f"models.{model.name}"),
                message="one more deployment of the model group that LiteLLM's configuration has",
            )


def _retention_conflicts(settings: Settings, config: LitellmConfig) -> Iterator[Conflict]:
    if settings.retention.spend_logs is None:
        return
    period = format_period(settings.retention.spend_logs)
    node = config.at(_PERIOD)
    if node is not None and node.value not in (None, period):
        yield Conflict(
            path=_PERIOD,
            source=node.named,
            message=f"{period} of retention.spend_logs counts instead",
        )
    for path in _SCHEDULE:
        if (node := config.at(path)) is not None and node.value is not None:
            yield Conflict(
                path=path,
                source=node.named,
                message="with retention.spend_logs, spend logs are deleted every hour instead",
            )
