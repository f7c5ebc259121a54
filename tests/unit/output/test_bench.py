from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from gatewayctl.operations.bench.parameters import BenchParameters, complete_parameters
from gatewayctl.operations.bench.report import (
    BenchReport,
    Comparison,
    LoadCost,
    Percentiles,
    ServiceCost,
    SideResult,
)
from gatewayctl.output.bench import render_bench
from gatewayctl.output.console import Console
from gatewayctl.output.plots.bench import render_plot

TIMES = Percentiles(p50=21.234, p95=123.4, p99=1234.5)
COST = ServiceCost(
    cpu_ms_per_request=18.2,
    idle_cpu_ms_per_second=12,
    memory_end_bytes=500 * 2**20,
    memory_peak_bytes=510 * 2**20,
)


def side(start: float) -> SideResult:
    return SideResult(
        requests=300,
        errors={},
        reasons={},
        error_rate=0,
        rps=50,
        latency_ms=TIMES,
        ttft_ms=TIMES,
        chunk_ms=TIMES,
        distribution_ms=tuple(start + n for n in range(100)),
    )


REPORT = BenchReport(
    runtime="docker",
    parameters=complete_parameters(BenchParameters(stream=True)),
    seconds=40,
    direct=side(20),
    gateway=side(36),
    overhead_ms=TIMES,
    ttft_overhead_ms=TIMES,
    chunk_overhead_ms=TIMES,
    gateway_reported_ms=TIMES,
    rps=50,
    error_rate=0,
    cpu_ms_per_request={"litellm": 18.2, "postgres-phoenix": 3.1},
    services={"litellm": COST, "postgres-phoenix": COST},
    usage_unavailable="",
    settle_seconds=16,
    load=LoadCost(
        load_cpu_ms_per_request=0.6,
        upstream_cpu_ms_per_request=0.5,
        busiest=0.05,
        late_ms=0,
        limited=False,
    ),
)
SLOWER = Comparison(
    against="before",
    baseline=2.1,
    now=2.9,
    change_percent=38,
    low_percent=30,
    high_percent=45,
    max_regression_percent=10,
    regressed=True,
    noisy=True,
    cpu_change_percent=2,
    differences=("litellm: 1 → 2",),
)


def show(report: BenchReport, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    Console(stdout=out, stderr=io.StringIO()).result(render_bench(report))
    return out.getvalue()


def test_the_report_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    text = show(replace(REPORT, comparison=SLOWER), monkeypatch)

    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for word in ("direct", "gateway", "overhead", "first token", "CPU/REQUEST", "litellm: 1 → 2"):
        assert word in text


def test_a_model_without_a_direct_side_is_compared_in_milliseconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = show(replace(REPORT, direct=None, comparison=SLOWER), monkeypatch)

    assert "2.10 → 2.90 ms" in text
    assert "yardsticks" not in text


def test_a_duration_is_that_of_all_rounds_together(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = complete_parameters(BenchParameters(duration=60))

    assert "60 s of requests, 1 at a time" in show(
        replace(REPORT, parameters=parameters), monkeypatch
    )


def test_a_regression_and_too_many_errors_end_with_7() -> None:
    failing = replace(REPORT.gateway, errors={"status_429": 30}, error_rate=0.1)
    regressed = replace(REPORT, comparison=SLOWER).problem
    failed = replace(REPORT, gateway=failing).problem

    assert REPORT.problem is None
    assert regressed is not None
    assert (regressed.code, regressed.exit_code) == ("bench_regressed", 7)
    assert failed is not None
    assert "30 status_429" in failed.message
    assert failed.exit_code == 7


def test_a_load_generator_at_its_limit_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = replace(REPORT, load=replace(REPORT.load, limited=True, busiest=0.97))

    assert "it was the limit" in " ".join(show(limited, monkeypatch).split())


def test_what_is_not_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    report = replace(
        REPORT,
        direct=None,
        overhead_ms=None,
        ttft_overhead_ms=None,
        chunk_overhead_ms=None,
        cpu_ms_per_request={},
        services={},
        usage_unavailable="the services run elsewhere",
    )

    assert "not measured, the services run elsewhere" in show(report, monkeypatch)
    assert "Not measured: the services run elsewhere" in render_plot(report)


@pytest.mark.parametrize("values", [(), (1.0,), (0.0, 0.0), (1e-9,), (1e7, 2e7)])
def test_the_plot_is_an_svg_whatever_the_latencies(values: tuple[float, ...]) -> None:
    report = replace(
        REPORT,
        gateway=replace(REPORT.gateway, distribution_ms=values),
        cpu_ms_per_request={"<a & b>": 0.0},
    )

    root = ET.fromstring(render_plot(report))  # noqa: S314 - our own

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in render_plot(report)


def test_the_plot_has_a_curve_for_each_side_and_a_bar_for_each_service() -> None:
    root = ET.fromstring(render_plot(REPORT))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"

    assert len(root.findall(f"{space}polyline")) == 2
    assert len([bar for bar in root.findall(f"{space}rect") if bar.get("class") == "bar"]) == 2
