"""Speed, as ratios in one run, so that they hold on a slow machine as on a fast one.

``make bench``, or ``python -m benchmarks help exit tracing chat start again demo`` for some of
them. Each prints what it compared, both medians, the ratio, the promised bound, and what it was
when `baseline.json` was written; exit 1 if a bound is broken. ``--save`` writes that file anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chat, demo, exit_time, help_text, second_up, start, tracing

BASELINE = Path(__file__).with_name("baseline.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is measured and the bound it must keep."""

    title: str
    measure: Callable[[], tuple[list[float], list[float]]]
    verdict: Callable[[float, float], float]
    bound: float
    unit: str


ALL = {
    "help": Benchmark(
        title="gatewayctl --help ÷ a Typer hello world's --help",
        measure=help_text.measure,
        verdict=lambda ours, other: ours / other,
        bound=1.1,
        unit="x",
    ),
    "exit": Benchmark(
        title="gatewayctl --help ÷ the same with a garbage collection at exit",
        measure=exit_time.measure,
        verdict=lambda ours, other: ours / other,
        bound=0.97,
        unit="x",
    ),
    "tracing": Benchmark(
        title="importing the tracing SDK without psutil ÷ with psutil",
        measure=tracing.measure,
        verdict=lambda ours, other: ours / other,
        bound=0.97,
        unit="x",
    ),
    "chat": Benchmark(
        title="gatewayctl chat - the same request by curl",
        measure=chat.measure,
        verdict=lambda ours, other: ours - other,
        bound=0.2,
        unit=" s",
    ),
    "start": Benchmark(
        title="warm gatewayctl up of the whole stack ÷ LiteLLM alone started by hand",
        measure=start.measure,
        verdict=lambda ours, other: ours / other,
        bound=0.9,
        unit="x",
    ),
    "again": Benchmark(
        title="a second gatewayctl up, which changes nothing - gatewayctl --version",
        measure=second_up.measure,
        verdict=lambda ours, other: ours - other,
        bound=0.5,
        unit=" s",
    ),
    "demo": Benchmark(
        title="make demo from a fresh clone, no environment, packages in uv's and npm's caches",
        measure=demo.measure,
        verdict=lambda ours, _other: ours,
        bound=120,
        unit=" s",
    ),
}


def main() -> int:
    """Run the named benchmarks, or all; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", help=", ".join(ALL))
    parser.add_argument("--save", action="store_true", help="write the baseline anew")
    given = parser.parse_args()
    baseline: dict[str, float] = json.loads(BASELINE.read_text(encoding="utf-8"))
    broken = 0
    for name in given.names or ALL:
        benchmark = ALL[name]
        ours, other = benchmark.measure()
        first, second = statistics.median(ours), statistics.median(other) if other else 0.0
        found = benchmark.verdict(first, second)
        broken += found > benchmark.bound
        print(f"{name}: {benchmark.title}")
        print(f"  ours  {first:8.3f} s  (of {', '.join(f'{value:.3f}' for value in ours)})")
        if other:
            print(f"  other {second:8.3f} s  (of {', '.join(f'{value:.3f}' for value in other)})")
        print(f"  {compare(benchmark, found, baseline.get(name))}", flush=True)
        baseline[name] = round(found, 3)
    if given.save:
        BASELINE.write_text(json.dumps(baseline, indent=2) + "\n", encoding="utf-8")
    return int(broken > 0)


def compare(benchmark: Benchmark, found: float, before: float | None) -> str:
    """The figure beside its bound and the baseline."""
    sign = "≤" if found <= benchmark.bound else ">"
    unit = benchmark.unit
    once = "none" if before is None else f"{before:.3f}{unit}"
    return f"{found:.3f}{unit} {sign} {benchmark.bound:g}{unit} (baseline: {once})"


if __name__ == "__main__":
    sys.exit(main())
