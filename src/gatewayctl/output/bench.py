"""Renders the report of `bench`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from gatewayctl.operations.bench.report import BenchReport, Comparison, Percentiles, SideResult
from gatewayctl.output.table import make_table
from gatewayctl.output.wording import count

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_MEGABYTE = 2**20


def render_bench(report: BenchReport) -> Iterable[RenderableType]:
    """The latencies, the throughput, the cost by service, the comparison, and what to do next."""
    yield Text(_describe_load(report), style="dim")
    yield _make_times(report)
    yield Text(_describe_throughput(report))
    yield from _list_reasons(report)
    yield Text("")
    if report.services:
        yield _make_services(report)
        yield Text(
            "Without what an idle service uses, with background work, which was waited for"
            f" {report.settle_seconds:.0f} s.",
            style="dim",
        )
    elif report.usage_unavailable:
        yield Text(f"Processor time and memory: not measured, {report.usage_unavailable}.")
    for name in report.restarted:
        yield Text(f"{name} is not measured: it was started again meanwhile.")
    yield from _describe_own_share(report)
    if report.comparison is not None:
        unit = "yardsticks" if report.direct is not None else "ms"
        yield from _render_comparison(report.comparison, unit)
    if report.saved is not None:
        yield Text(f"Stored as {report.saved.stem} ({report.saved.name}).")
    if report.plot is not None:
        yield Text(f"Plot: {report.plot}")
    yield f"\nNext: {_suggest(report)}"


def _describe_load(report: BenchReport) -> str:
    sent = report.parameters
    amount = (
        f"{sent.requests} requests per side"
        if sent.requests is not None
        else f"{sent.duration or 0:g} s of requests"
    )
    loop = f"{sent.concurrency} at a time" if sent.rate is None else f"{sent.rate:g} per second"
    target = (
        f"upstream {sent.upstream_latency_ms:g} ms" if sent.model is None else f"model {sent.model}"
    )
    kind = "streamed, " if sent.stream else ""
    return f"{amount}, {loop}, {kind}{sent.rounds} rounds, {target}."


def _make_times(report: BenchReport) -> Table:
    rows: list[tuple[str, str, Percentiles | None]] = []
    direct, gateway = report.direct, report.gateway

    def add(name: str, attribute: str, overhead: Percentiles | None) -> None:
        rows.append((name, "direct", None if direct is None else getattr(direct, attribute)))
        rows.append((name, "gateway", getattr(gateway, attribute)))
        rows.append((name, "overhead", overhead))

    add("latency", "latency_ms", report.overhead_ms)
    if report.parameters.stream:
        add("first token", "ttft_ms", report.ttft_overhead_ms)
        add("each token", "chunk_ms", report.chunk_overhead_ms)
    rows.append(("LiteLLM reports", "overhead", report.gateway_reported_ms))
    return make_table(
        ("MILLISECONDS", "SIDE", "P50", "P95", "P99"),
        [
            (name, side, *(_number(v) for v in (found.p50, found.p95, found.p99)))
            for name, side, found in rows
            if found is not None
        ],
    )


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.{2 if abs(value) < 9.995 else 1}f}"


def _describe_throughput(report: BenchReport) -> str:
    side = report.gateway
    failed = f"{sum(side.errors.values())} of {count(side.requests, 'request')} failed"
    return f"{report.rps:.1f} requests per second through the gateway; {failed}."


def _list_reasons(report: BenchReport) -> Iterator[RenderableType]:
    sides: tuple[SideResult | None, ...] = (report.direct, report.gateway)
    for side in sides:
        for kind, number in side.errors.items() if side else ():
            reason = side.reasons.get(kind, "") if side else ""
            yield Text(f"  {number} {kind}: {reason}"[:300])


def _make_services(report: BenchReport) -> Table:
    rows: list[tuple[object, ...]] = [
        (
            name,
            f"{cost.cpu_ms_per_request:.1f} ms",
            f"{cost.idle_cpu_ms_per_second:.0f} ms/s",
            f"{cost.memory_end_bytes / _MEGABYTE:.0f} MiB",
            f"{cost.memory_peak_bytes / _MEGABYTE:.0f} MiB",
        )
        for name, cost in report.services.items()
    ]
    total = sum(report.cpu_ms_per_request.values())
    memory = sum(cost.memory_end_bytes for cost in report.services.values())
    rows.append(("all", f"{total:.1f} ms", None, f"{memory / _MEGABYTE:.0f} MiB", None))
    return make_table(("SERVICE", "CPU/REQUEST", "IDLE", "MEMORY", "PEAK"), rows)


def _describe_own_share(report: BenchReport) -> Iterator[RenderableType]:
    load = report.load
    if load.limited:
        yield Text(
            f"The load generator used {load.busiest:.0%} of a core: it was the limit, so these are"
            " not the gateway's figures. Use a lower --rate or --concurrency.",
            style="bold yellow",
        )
        return
    yield Text(
        f"The load generator used {load.load_cpu_ms_per_request:.1f} ms of processor a request,"
        f" at most {load.busiest:.0%} of a core.",
        style="dim",
    )


def _render_comparison(found: Comparison, unit: str) -> Iterator[RenderableType]:
    verdict = "slower than allowed" if found.regressed else "within the limit"
    yield Text(
        f"Against {found.against}: overhead {found.baseline:.2f} → {found.now:.2f} {unit},"
        f" {found.change_percent:+.1f} % ({found.low_percent:+.1f} … {found.high_percent:+.1f} %):"
        f" {verdict} ({found.max_regression_percent:g} %)."
    )
    if found.noisy:
        yield Text(
            "The machine was busy: the rounds differ more than a change near the limit would."
            " Run it again with more --requests, or when the machine is quiet.",
            style="bold yellow",
        )
    if found.cpu_change_percent is not None:
        yield Text(f"Processor time per request: {found.cpu_change_percent:+.1f} %.")
    if found.differences:
        yield Text(f"Also different: {'; '.join(found.differences)}.", style="dim")


def _suggest(report: BenchReport) -> str:
    if report.saved is not None:
        return (
            f"after a change, `gatewayctl bench --against {report.saved.stem}` with these options"
        )
    if report.comparison is None:
        return "`gatewayctl bench --save before`, then change something and compare with --against"
    return "`gatewayctl usage --since 1h` shows these calls as component bench"
