"""The command bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, YesFlag
from gatewayctl.cli.syntax.since import parse_duration


def bench(
    ctx: typer.Context,
    requests: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Requests per side. Default: 300, or 120 a client."),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Measure for this long instead, such as 60s or 5m."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=512, metavar="C", help="Clients, each with one request at a time."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=10_000,
            metavar="R",
            help="Open loop: requests per second, however long they take.",
        ),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Measure streamed replies.")] = False,
    rounds: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="Rounds per side, interleaved.")
    ] = 20,
    upstream_latency: Annotated[
        float,
        typer.Option(
            min=0, metavar="MS", help="Time of the local upstream to its answer or first token."
        ),
    ] = 20,
    reply_length: Annotated[
        int, typer.Option(min=2, max=100_000, metavar="N", help="Tokens of each reply.")
    ] = 16,
    reply_rate: Annotated[
        float, typer.Option(min=0.1, metavar="R", help="Tokens per second of a streamed reply.")
    ] = 200,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Measure this model of the gateway instead."),
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Store this run under a name.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with a stored run.")
    ] = None,
    max_regression: Annotated[
        float,
        typer.Option(min=0, metavar="PCT", help="Exit with 7 if it is slower by more than this."),
    ] = 10,
    max_errors: Annotated[
        float,
        typer.Option(
            min=0, max=100, metavar="PCT", help="Exit with 7 if more requests fail than this."
        ),
    ] = 1,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write latencies and processor time as an SVG."),
    ] = None,
    no_usage: Annotated[
        bool, typer.Option("--no-usage", help="Skip processor time and memory, and the wait.")
    ] = False,
    yes: YesFlag = False,
    json: JsonFlag = False,
) -> None:
    """Measure the gateway's latency, throughput and cost against its upstream."""
    from gatewayctl.files.atomic import write_text
    from gatewayctl.operations.bench.parameters import BenchOptions, BenchParameters
    from gatewayctl.operations.bench.run import bench as operation
    from gatewayctl.output.bench import render_bench
    from gatewayctl.output.plots.bench import render_plot

    app = context(ctx)
    app.require_own("litellm")
    parameters = BenchParameters(
        requests=requests,
        duration=None if duration is None else parse_duration(duration, option="--duration"),
        concurrency=concurrency,
        rate=rate,
        stream=stream,
        rounds=rounds,
        upstream_latency_ms=upstream_latency,
        tokens=reply_length,
        tokens_per_second=reply_rate,
        model=model,
    )
    options = BenchOptions(
        save=save,
        against=against,
        max_regression=max_regression,
        max_errors=max_errors,
        plot=plot,
        usage=not no_usage,
        consented=yes,
    )
    report = app.follow(
        operation(app.settings, app.resolved_runtime, app.gateway, parameters, options)
    )
    if plot is not None:
        write_text(plot, render_plot(report))
    app.show(report, render_bench)
