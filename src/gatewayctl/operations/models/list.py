"""`models list`: the models that gateway.yaml declares and those that LiteLLM serves.

Owns the join, and the calls of `--check`. Must not know terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Literal

from gatewayctl.errors import GatewayctlError, PartlyDone
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.deprecations import list_deprecations
from gatewayctl.gateway.models import ServedModel, list_served_models, probe_model
from gatewayctl.operations.models.provider_failure import (
    ReadLog,
    advise_provider_key,
    explain_provider_failure,
)
from gatewayctl.operations.models.provider_keys import find_missing_keys, has_real_key
from gatewayctl.operations.models.warnings import warn_of_models
from gatewayctl.runtimes.base import Progress
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Model, Secret, Settings

ModelState = Literal["ok", "no_provider_key", "not_served", "not_declared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """One call of a model: its duration, and code and message of its failure."""

    ok: bool
    latency_ms: float
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model group. ``upstream`` in LiteLLM's notation; ``check`` is None without `--check`.

    ``provider_key``: whether its variable holds a real key; None if it needs none.
    """

    model: str
    upstream: str | None
    declared: bool
    served: bool
    state: ModelState
    provider_key: bool | None = None
    check: ModelCheck | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsListReport:
    """The declared models in their order, then the others that LiteLLM serves.

    ``missing_keys`` are the variables without a real key; ``warnings`` are for people.
    """

    models: tuple[ModelRow, ...]
    checked: bool
    missing_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def problem(self) -> GatewayctlError | None:
        failed = [row.model for row in self.models if row.check is not None and not row.check.ok]
        unserved = [row.model for row in self.models if self.checked and not row.served]
        if not failed and not unserved:
            return None
        return PartlyDone(
            f"{len(failed) + len(unserved)} of {len(self.models)} models do not answer:"
            f" {', '.join(failed + unserved)}.",
            hint="See the reasons above. After a change of .env: `gatewayctl restart litellm`.",
        )


def list_models(
    settings: Settings,
    gateway: GatewayClient,
    *,
    call: bool = False,
    read_log: ReadLog | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Progress, None, ModelsListReport]:
    """Join declared and served models; ``call`` also calls each served one, at its price.

    Raises MasterKeyMissing, MasterKeyRefused, GatewayUnreachable, GatewayTimeout.
    """
    master = require_master_key(settings)
    rows = _join(settings, list_served_models(gateway, master))
    missing = find_missing_keys(settings)
    # A placeholder in the environment would override a real key in .env.
    shadowed = (name for name in missing if settings.source_of(name).is_environment)
    report = ModelsListReport(
        models=rows,
        checked=call,
        missing_keys=missing,
        warnings=(
            *warn_of_models(settings),
            *_warn_deprecated(gateway, master),
            *(advise_provider_key(name, settings) for name in shadowed),
        ),
    )
    if not call:
        return report
    checked: list[ModelRow] = []
    for row in rows:
        if not row.served:
            checked.append(row)
            continue
        yield Progress(subject=row.model, state="working", detail="one call")
        outcome = _call(settings, gateway, master, row.model, read_log, clock)
        state: Literal["ready", "failed"] = "ready" if outcome.ok else "failed"
        yield Progress(subject=row.model, state=state, detail=outcome.reason or "answers")
        checked.append(replace(row, check=outcome))
    return replace(report, models=tuple(checked))


def _warn_deprecated(gateway: GatewayClient, master: Secret) -> tuple[str, ...]:
    try:
        return tuple(f"{each}." for each in list_deprecations(gateway, master))
    except GatewayctlError:
        return ()


def _join(settings: Settings, groups: tuple[ServedModel, ...]) -> tuple[ModelRow, ...]:
    by_name = {group.name: group for group in groups}
    # The parts of an offline model are served as models, but are not declared.
    declared = {model.name for model in settings.served}
    rows = [_declared_row(model, by_name.get(model.name), settings) for model in settings.models]
    rows += [
        ModelRow(
            model=group.name,
            upstream=", ".join(group.upstreams),
            declared=False,
            served=True,
            state="not_declared",
        )
        for group in groups
        if group.name not in declared
    ]
    return tuple(rows)


def _declared_row(model: Model, group: ServedModel | None, settings: Settings) -> ModelRow:
    upstream = model.litellm_params.get("model")
    key = None if model.api_key_env is None else has_real_key(model, settings)
    state: ModelState = "no_provider_key" if key is False else "ok"
    return ModelRow(
        model=model.name,
        upstream=None if upstream is None else str(upstream),
        declared=True,
        served=group is not None,
        state="not_served" if group is None else state,
        provider_key=key,
    )


def _call(
    settings: Settings,
    gateway: GatewayClient,
    master: Secret,
    model: str,
    read_log: ReadLog | None,
    clock: Callable[[], float],
) -> ModelCheck:
    started = clock()
    failure: GatewayctlError | None = None
    try:
        probe_model(gateway, master, model)
    except GatewayctlError as error:
        failure = explain_provider_failure(error, model, settings, read_log)
    return ModelCheck(
        ok=failure is None,
        latency_ms=round((clock() - started) * 1000, 1),
        code=None if failure is None else failure.code,
        reason=None if failure is None else failure.message,
    )
