"""`models list`: the models that gateway.yaml declares and those that LiteLLM serves.

Owns the join, and the calls of `--check`. Must not know terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
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
    """The call of each deployment of a model: their duration, and the first failure."""

    ok: bool
    latency_ms: float
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model group. ``upstream`` in LiteLLM's notation; ``check`` is None without `--check`.

    ``mode`` is LiteLLM's name of its kind, None if it is not served, and ``not_called`` why
    `--check` does not call it: a kind that is too expensive, or a wildcard. ``provider_key``:
    whether its variable holds a real key; None if it needs none. ``in_database``: whether
    LiteLLM's database holds a deployment of it.
    """

    model: str
    upstream: str | None
    declared: bool
    served: bool
    state: ModelState
    provider_key: bool | None = None
    check: ModelCheck | None = None
    in_database: bool = False
    mode: str | None = None
    not_called: str | None = None


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
    groups = list_served_models(gateway, master)
    by_name = {group.name: group for group in groups}
    rows = _join(settings, groups)
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
        group = by_name.get(row.model)
        if group is None or group.uncallable is not None:
            checked.append(row if group is None else replace(row, not_called=group.uncallable))
            continue
        calls = len(group.deployments)
        detail = "one call" if calls == 1 else f"{calls} calls, one a deployment"
        yield Progress(subject=row.model, state="working", detail=detail)
        outcome = _check(settings, gateway, master, group, read_log, clock)
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
    deployments: dict[str, list[Model]] = {}
    for model in settings.models:
        deployments.setdefault(model.name, []).append(model)
    rows = [
        _declared_row(models, by_name.get(name), settings) for name, models in deployments.items()
    ]
    rows += [
        ModelRow(
            model=group.name,
            upstream=", ".join(group.upstreams),
            declared=False,
            served=True,
            state="not_declared",
            in_database=group.in_database,
            mode=group.mode,
        )
        for group in groups
        if group.name not in declared
    ]
    return tuple(rows)


def _declared_row(
    models: Sequence[Model], group: ServedModel | None, settings: Settings
) -> ModelRow:
    """One row for the deployments of one name."""
    upstreams = dict.fromkeys(model.litellm_params.get("model") for model in models)
    keys = [has_real_key(model, settings) for model in models if model.api_key_env is not None]
    key = all(keys) if keys else None
    state: ModelState = "no_provider_key" if key is False else "ok"
    return ModelRow(
        model=models[0].name,
        upstream=", ".join(str(each) for each in upstreams if each is not None) or None,
        declared=True,
        served=group is not None,
        state="not_served" if group is None else state,
        provider_key=key,
        in_database=group is not None and group.in_database,
        mode=None if group is None else group.mode,
    )


def _check(
    settings: Settings,
    gateway: GatewayClient,
    master: Secret,
    group: ServedModel,
    read_log: ReadLog | None,
    clock: Callable[[], float],
) -> ModelCheck:
    """Call each deployment: with several, a call of the group would reach any one of them."""
    started, failures = clock(), dict[str, GatewayctlError]()
    several = len(group.deployments) > 1 and all(each.id for each in group.deployments)
    for called in group.deployments if several else group.deployments[:1]:
        try:
            probe_model(gateway, master, called.id if several else group.name, mode=group.mode)
        except GatewayctlError as error:
            failure = explain_provider_failure(error, group.name, settings, read_log)
            failures.setdefault(called.upstream, failure)
    first = next(iter(failures.values()), None)
    reasons = [failure.message for failure in failures.values()]
    if several:
        reasons = [f"{upstream}: {error.message}" for upstream, error in failures.items()]
        count = f"{len(failures)} of {len(group.deployments)} deployments failed."
        reasons = [count, *reasons] if failures else []
    return ModelCheck(
        ok=first is None,
        latency_ms=round((clock() - started) * 1000, 1),
        code=None if first is None else first.code,
        reason=" ".join(reasons) or None,
    )
