"""The command scale."""

from __future__ import annotations

from typing import Annotated

import typer

from gatewayctl.cli.context import context
from gatewayctl.cli.options import JsonFlag, TimeoutOption


def scale(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="litellm=N", help="Number of LiteLLM's pods.")],
    timeout: TimeoutOption = None,
    json: JsonFlag = False,
) -> None:
    """Set the number of LiteLLM's pods in Kubernetes, and wait for them."""
    from gatewayctl.operations.stack.scale import parse_target
    from gatewayctl.operations.stack.scale import scale as operation
    from gatewayctl.output import stack

    app = context(ctx)
    replicas = parse_target(target)
    app.require_managed("scale")
    events = operation(
        app.resolved_runtime, app.load_project, app.settings, replicas, timeout=timeout
    )
    app.run(events, stack.render_scale)
