"""The verb `bench`: measure the gateway against its upstream.

Owns the order: check, measure, compare, store. Must not know terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.errors import ConfirmationRequired, UsageProblem
from gatewayctl.files.atomic import require_writable
from gatewayctl.operations.bench import baseline, summary
from gatewayctl.operations.bench.comparison import compare
from gatewayctl.operations.bench.measure import Measured, Measurement
from gatewayctl.operations.bench.parameters import (
    BenchOptions,
    BenchParameters,
    complete_parameters,
)
from gatewayctl.operations.bench.report import BenchReport
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.metering.base import Meter
from gatewayctl.runtimes.metering.choose import open_meter
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


def bench(
    settings: Settings,
    resolved: ResolvedRuntime,
    gateway: GatewayClient,
    given: BenchParameters,
    options: BenchOptions,
    *,
    meter: Meter | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Progress, None, BenchReport]:
    """Measure, and compare and store what was asked for; yields progress, returns the report.

    Creates a model and a virtual key in the gateway, and removes them however it ends. Raises
    UsageProblem, ConfirmationRequired, FileUnwritable, FileUnreadable, MasterKeyMissing, Locked,
    and the errors of the gateway.
    """
    parameters = complete_parameters(given)
    _require_reachable_upstream(resolved, parameters)
    _require_consent(settings, parameters, options)
    master = require_master_key(settings)
    stored = _read_baseline(settings, parameters, options)
    saved = _check_files(settings, options)
    environment = baseline.describe_environment(settings, resolved)
    with ExitStack() as stack:
        what = parameters.model or "local upstream"
        change = stack.enter_context(change_project(settings, "bench", what))
        measurement = Measurement(
            settings=settings,
            gateway=gateway,
            parameters=parameters,
            meter=meter or stack.enter_context(open_meter(settings, resolved)),
            usage=options.usage,
            clock=clock,
            sleep=sleep,
        )
        measured = yield from measurement.run(master)
        report = make_report(resolved, parameters, options, measured, environment.versions)
        cpu = report.cpu_ms_per_request
        if stored is not None:
            found = compare(
                options.against or "", stored, environment, measured.rounds, cpu,
                limit=options.max_regression,
            )  # fmt: skip
            report = replace(report, comparison=found)
        succeeded = any(each.latency for each in summary.select(measured.rounds, "gateway"))
        if saved is not None and succeeded:
            baseline.store_run(saved, parameters, environment, measured.rounds, cpu)
            report = replace(report, saved=saved)
        report = replace(report, plot=options.plot)
        change.problem = report.problem
    return report


def _require_reachable_upstream(resolved: ResolvedRuntime, parameters: BenchParameters) -> None:
    """Raise UsageProblem where the gateway surely cannot call the local upstream."""
    if resolved.name == "kubernetes" and parameters.model is None:
        raise UsageProblem(
            "The upstream of bench is on this machine, where the pods of a cluster cannot call it.",
            hint="Measure a model of the gateway: --model NAME; see `gatewayctl models list`.",
        )


def _require_consent(
    settings: Settings, parameters: BenchParameters, options: BenchOptions
) -> None:
    """Raise ConfirmationRequired for load on what costs money or belongs to others."""
    if options.consented:
        return
    if parameters.model is not None and parameters.model not in settings.offline_models:
        amount = parameters.requests or "as many as fit into the time"
        raise ConfirmationRequired(
            f"Each request to the model {parameters.model!r} may cost money; requests: {amount},"
            f" and {parameters.warmup} to warm up."
        )
    if settings.is_external:
        raise ConfirmationRequired(
            f"The gateway at {settings.gateway_url} is operated by others, and would be loaded."
        )


def _read_baseline(
    settings: Settings, parameters: BenchParameters, options: BenchOptions
) -> baseline.StoredRun | None:
    """The run to compare with, checked before anything is measured."""
    if options.against is None:
        return None
    path = baseline.locate_run(settings, options.against, "--against")
    stored = baseline.read_run(path, options.against)
    baseline.require_same_parameters(options.against, stored.parameters, parameters)
    if not any(stored.rounds["gateway"]):
        raise UsageProblem(
            f"In the run {options.against!r} no request to the gateway succeeded.",
            hint=f"Store another one: `gatewayctl bench --save {options.against}`.",
        )
    return stored


def _check_files(settings: Settings, options: BenchOptions) -> Path | None:
    """The file of the run to store. What cannot be written fails here, not after minutes."""
    if options.plot is not None:
        require_writable(options.plot)
    return baseline.locate_run(settings, options.save, "--save") if options.save else None


def make_report(
    resolved: ResolvedRuntime,
    parameters: BenchParameters,
    options: BenchOptions,
    measured: Measured,
    versions: Mapping[str, str],
) -> BenchReport:
    """The figures of what was measured."""
    through = summary.select(measured.rounds, "gateway")
    straight = summary.select(measured.rounds, "direct")
    gateway = summary.summarize_side(through, stream=parameters.stream)
    direct = summary.summarize_side(straight, stream=parameters.stream) if straight else None
    services = summary.summarize_services(measured, gateway.requests)
    return BenchReport(
        runtime=resolved.name,
        parameters=parameters,
        seconds=measured.seconds,
        direct=direct,
        gateway=gateway,
        overhead_ms=summary.subtract(gateway, direct, "latency_ms"),
        ttft_overhead_ms=summary.subtract(gateway, direct, "ttft_ms"),
        chunk_overhead_ms=summary.subtract(gateway, direct, "chunk_ms"),
        gateway_reported_ms=summary.summarize_reported(through),
        rps=gateway.rps,
        error_rate=gateway.error_rate,
        cpu_ms_per_request={name: cost.cpu_ms_per_request for name, cost in services.items()},
        services=services,
        usage_unavailable=measured.usage_unavailable,
        restarted=summary.find_restarted(measured),
        settle_seconds=0.0 if measured.after is None else measured.after.seconds,
        load=summary.summarize_load(measured),
        max_errors_percent=options.max_errors,
        versions=versions,
    )
