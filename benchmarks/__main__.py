"""Speed, as ratios in one run, so that they hold on a slow machine as on a fast one.

``make bench``, or ``python -m benchmarks help exit tracing chat start demo`` for some of them. Each
prints what it compared, both medians, the ratio and the promised bound; exit 1 if one is over.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import chat, demo, exit_time, help_text, start, tracing


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
        bound=1.3,
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
        bound=0.35,
        unit=" s",
    ),
    "start": Benchmark(
        title="warm gatewayctl up of the whole stack ÷ LiteLLM alone started by hand",
        measure=start.measure,
        verdict=lambda ours, other: ours / other,
        bound=0.9,
        unit="x",
    ),
    "demo": Benchmark(
        title="make demo from a fresh clone, no environment, packages in uv's and npm's caches",
        measure=demo.measure,
        verdict=lambda ours, _other: ours,
        bound=120,
        unit=" s",
    ),
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; 1 when a bound is broken."""
    broken = 0
    for name in names or list(ALL):
        benchmark = ALL[name]
        ours, other = benchmark.measure()
        first, second = statistics.median(ours), statistics.median(other) if other else 0.0
        found = benchmark.verdict(first, second)
        kept = found <= benchmark.bound
        broken += not kept
        print(f"{name}: {benchmark.title}")
        print(f"  ours  {first:8.3f} s  (of {', '.join(f'{value:.3f}' for value in ours)})")
        if other:
            print(f"  other {second:8.3f} s  (of {', '.join(f'{value:.3f}' for value in other)})")
        sign = "≤" if kept else ">"
        print(
            f"  {found:.3f}{benchmark.unit} {sign} {benchmark.bound:g}{benchmark.unit}", flush=True
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
