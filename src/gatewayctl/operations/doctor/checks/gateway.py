"""Checks of the running gateway: keys, models, spend logs, traces.

None of them calls a model, so none costs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import GatewayDatabaseMissing, MasterKeyRefused
from gatewayctl.gateway.deprecations import list_deprecations
from gatewayctl.gateway.models import list_served_models
from gatewayctl.gateway.spend import count_requests, list_latest_failures
from gatewayctl.generators import drain
from gatewayctl.operations.config.database import compare_database
from gatewayctl.operations.doctor.checks.subject import DoctorCheck, Observation, Subject
from gatewayctl.operations.keys.check import KeyCheck, check_keys, choose_owner_remedy
from gatewayctl.operations.keys.unknown import advise_unknown_key, find_unknown_keys
from gatewayctl.operations.models.provider_failure import advise_provider_key
from gatewayctl.operations.models.provider_names import suggest_name
from gatewayctl.operations.traces.probe import has_probe_arrived, send_probe
from gatewayctl.operations.traces.retention import compare_retention, find_spend_log_period
from gatewayctl.rendering.tracing import COLLECTOR
from gatewayctl.settings.declared.retention import format_period
from gatewayctl.settings.masking import strip_keys
from gatewayctl.tracing.spans import SpanQuery
from gatewayctl.tracing.stores import open_span_store

_TRACE_SECONDS: Final = 8.0
_MANY_ROWS: Final = 1_000_000
_A_DAY: Final = timedelta(days=1)
_CREDENTIALS: Final = re.compile(
    r"AuthenticationError|Incorrect API key|invalid.{0,10}api key", re.IGNORECASE
)


def check_virtual_keys(subject: Subject) -> Iterator[Observation]:
    """Check every declared key with real calls."""
    try:
        report = drain(check_keys(subject.project, subject.client))
    except (MasterKeyRefused, GatewayDatabaseMissing) as error:
        yield Observation.of(error)
        return
    for key in report.keys:
        if not key.ok:
            evidence = f"{key.alias or key.env}: {key.reason}"
            yield Observation(finding=_choose_finding(key), evidence=evidence, remedy=key.remedy)
    for owner in (*report.users, *report.teams):
        if owner.drift:
            why = "; ".join(owner.changes) or owner.reason or "missing"
            remedy = choose_owner_remedy(owner)
            yield Observation(
                finding="key_differs", evidence=f"{owner.title}: {why}", remedy=remedy
            )


def check_unknown_keys(subject: Subject) -> Iterator[Observation]:
    """Find virtual keys in .env that are neither declared nor in LiteLLM."""
    for name in find_unknown_keys(subject.project, subject.client, subject.master_key):
        remedy = advise_unknown_key(name)
        yield Observation(finding="key_unknown", evidence=f"{name} of .env", remedy=remedy)


def _choose_finding(key: KeyCheck) -> str:
    if key.management_refused is False:
        return "key_opens_management"
    if key.authenticates is None:
        return "key_missing"
    if key.budget_spent:
        return "key_budget_spent"
    return "key_differs" if key.authenticates else "key_refused"


def check_models(subject: Subject) -> Iterator[Observation]:
    """Find declared models that LiteLLM does not serve."""
    served = {group.name for group in list_served_models(subject.client, subject.master_key)}
    missing = [model for model in subject.project.models if model.name not in served]
    if missing:
        names = (
            f"{model.name} (write {name})" if (name := suggest_name(model)) else model.name
            for model in missing
        )
        yield Observation(finding="model_not_served", evidence=", ".join(names))


def check_database(subject: Subject) -> Iterator[Observation]:
    """Find what LiteLLM's database adds to the files, or overrides."""
    rows = compare_database(subject.project, subject.client)
    found = [row.path for row in rows if row.effect in {"adds", "overrides"}]
    if found:
        yield Observation(finding="database_overrides", evidence=", ".join(found))


def check_deprecations(subject: Subject) -> Iterator[Observation]:
    """Find models that their provider ended, or ends soon."""
    if found := list_deprecations(subject.client, subject.master_key):
        evidence = ", ".join(f"{each.model} ({each.date})" for each in found)
        yield Observation(finding="model_deprecated", evidence=evidence)


def check_spend_logs(subject: Subject) -> Iterator[Observation]:
    """Count the stored requests, and those of a day."""
    now = subject.now()
    # LiteLLM counts many requests by whole days only.
    yesterday = (now - _A_DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = count_requests(subject.client, subject.master_key, since=now - 3650 * _A_DAY, until=now)
    lately = count_requests(subject.client, subject.master_key, since=yesterday, until=now)
    day = lately / ((now - yesterday) / _A_DAY)
    if rows >= _MANY_ROWS:
        yield Observation(finding="spend_logs_large", evidence=f"{rows:,} rows, {day:,.0f} a day")
    elif _forecast_rows(rows, day, find_spend_log_period(subject.project)) >= _MANY_ROWS:
        yield Observation(finding="spend_logs_growing", evidence=f"{rows:,} rows, {day:,.0f} a day")


def _forecast_rows(rows: int, day: float, period: timedelta | None) -> float:
    """The rows in a month at that rate, or at the end of the period for which they are kept."""
    in_a_month = rows + 30 * day
    return in_a_month if period is None else min(in_a_month, max(rows, day * (period / _A_DAY)))


def check_retention(subject: Subject) -> Iterator[Observation]:
    """Find spend logs that should be deleted by now; the deletion of others is not ours."""
    period = subject.project.retention.spend_logs
    if period is None:
        return
    last = subject.now() - period - _A_DAY
    rows = count_requests(
        subject.client, subject.master_key, since=last - 3650 * _A_DAY, until=last
    )
    if rows:
        evidence = f"{rows:,} rows are older than {format_period(period)} and one day"
        yield Observation(finding="spend_logs_not_deleted", evidence=evidence)


def check_trace_retention(subject: Subject) -> Iterator[Observation]:
    """Compare the policy of the own Phoenix with the declared one, and find older traces."""
    settings, http = subject.project, subject.client.http
    period = settings.retention.traces
    if period is None:
        return
    if change := compare_retention(settings, http):
        evidence = f"Phoenix: {change.before}, gateway.yaml: {change.after}"
        yield Observation(finding="trace_retention_differs", evidence=evidence)
        return
    store = open_span_store(settings, http)
    query = SpanQuery(before=subject.now() - period - _A_DAY, limit=1)
    for span in store.find(store.project, query):
        kept = f"{format_period(period)} and one day"
        evidence = f"a span of {span.start:%Y-%m-%d %H:%M} UTC is older than {kept}"
        yield Observation(finding="traces_not_deleted", evidence=evidence)


def check_providers(subject: Subject) -> Iterator[Observation]:
    """Find calls of the last day that a provider refused for their credentials."""
    now = subject.now()
    refused: dict[str, str] = {}
    for failure in list_latest_failures(
        subject.client, subject.master_key, since=now - _A_DAY, until=now
    ):
        if failure.model and _CREDENTIALS.search(f"{failure.kind} {failure.message}"):
            refused.setdefault(failure.model, failure.message)
    variables = {model.name: model.api_key_env for model in subject.project.models}
    for model, message in refused.items():
        evidence = f"{model}: {strip_keys(message)[:200]}"
        name = variables.get(model)
        remedy = advise_provider_key(name, subject.project) if name else None
        yield Observation(finding="provider_key_refused", evidence=evidence, remedy=remedy)


def check_traces(subject: Subject) -> Iterator[Observation]:
    """Send one request that calls no model, and look for its spans in Phoenix."""
    collector = _read_collector(subject)
    if collector:
        yield Observation(finding="traces_elsewhere", evidence=f"{COLLECTOR} is {collector}")
    probe = send_probe(subject.client, subject.master_key)
    if probe is None:
        return
    if not has_probe_arrived(subject.project, subject.client, probe, timeout=_TRACE_SECONDS):
        evidence = f"no span of trace {probe} within {_TRACE_SECONDS:g} s"
        yield Observation(finding="traces_missing", evidence=evidence)


def _read_collector(subject: Subject) -> str:
    path = subject.project.env_file
    entry = read_env_file(path).get(COLLECTOR) if path.exists() else None
    return strip_keys(entry.value) if entry else ""


_NEEDS: Final = ("master_key", "litellm")
CHECKS = (
    DoctorCheck(name="virtual keys", run=check_virtual_keys, needs=_NEEDS),
    DoctorCheck(name="unknown keys", run=check_unknown_keys, needs=_NEEDS),
    DoctorCheck(name="models", run=check_models, needs=_NEEDS),
    DoctorCheck(name="database", run=check_database, needs=(*_NEEDS, "own_stack")),
    DoctorCheck(name="deprecations", run=check_deprecations, needs=_NEEDS),
    DoctorCheck(name="spend logs", run=check_spend_logs, needs=_NEEDS),
    DoctorCheck(name="retention", run=check_retention, needs=(*_NEEDS, "own_stack")),
    DoctorCheck(name="providers", run=check_providers, needs=_NEEDS),
    DoctorCheck(name="trace retention", run=check_trace_retention, needs=("own_stack", "phoenix")),
    DoctorCheck(name="traces", run=check_traces, needs=(*_NEEDS, "phoenix")),
)
