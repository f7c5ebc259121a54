"""The commands about traces: show, list, verify."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag
from gatewayctl.cli.syntax.since import since_moment

app = typer.Typer(help="Show, list and verify traces.", no_args_is_help=True)

TraceId = Annotated[str, typer.Argument(metavar="ID", help="Trace id, 32 hex digits.")]


@app.command("show")
def show(ctx: typer.Context, trace_id: TraceId, json: JsonFlag = False) -> None:
    """Show the spans of a trace with component, model, tokens, cost and time."""
    from gatewayctl.operations.traces.show import show_trace
    from gatewayctl.output import traces

    app = context(ctx)
    app.note_other_project("phoenix")
    app.show(show_trace(app.settings, app.http, trace_id), traces.render_show)


@app.command("list")
def list_(
    ctx: typer.Context,
    component: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only calls of this component.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only calls of this model.")
    ] = None,
    status: Annotated[
        Literal["ok", "error"] | None, typer.Option(help="Only calls with this status.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only calls newer than 10m, 2h or 2026-01-31T12:00.", metavar="TIME"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="COUNT", help="Maximum number of calls.")
    ] = 50,
    json: JsonFlag = False,
) -> None:
    """List model calls, newest first."""
    from gatewayctl.operations.traces.list import TraceFilter, list_calls
    from gatewayctl.output import traces

    app = context(ctx)
    wanted = TraceFilter(
        component=component,
        model=model,
        status=status,
        since=since_moment(since),
        limit=limit,
    )
    app.note_other_project("phoenix")
    app.show(list_calls(app.settings, app.gateway, wanted), traces.render_list)


@app.command("verify")
def verify(
    ctx: typer.Context,
    trace_id: TraceId,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0,
            metavar="SECONDS",
            help="Maximum wait for what is missing. Default: 30, or the delay of spend logs.",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Verify a trace. Exits with 0 if verified, 7 if not, 5 if unknown."""
    from gatewayctl.operations.traces.verify import verify_trace
    from gatewayctl.output import traces

    app = context(ctx)
    app.note_other_project("phoenix")
    events = verify_trace(app.settings, app.gateway, trace_id, timeout=timeout)
    app.run(events, traces.render_verify)
