"""The command chat: a prompt from the command line, a pipe or a terminal."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gatewayctl.cli.context import App, context
from gatewayctl.cli.options import JsonFlag, parse_pairs
from gatewayctl.errors import EmptyPrompt, UsageProblem

if TYPE_CHECKING:
    from gatewayctl.operations.chat.plan import ChatInput
    from gatewayctl.operations.chat.report import ChatReport
    from gatewayctl.tracing.client_spans import ClientTracer


def chat(
    ctx: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT", help="Prompt (-: read standard input, none: start a conversation)."
        ),
    ] = None,
    component: Annotated[
        str | None, typer.Option(metavar="NAME", help="Component (default: passthrough).")
    ] = None,
    operation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Operation of the component.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model (default: the first with a provider key)."),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="System message.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Add metadata; repeatable.")
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Variable of the virtual key (default: the first key's)."
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="K=V", help="Add a parameter, such as temperature=0; JSON; repeatable."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Tag the spend log; repeatable.")
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|URL", help="Add an image, if the model takes any; repeatable."),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|URL", help="Add a document, if the model takes any; repeatable."
        ),
    ] = None,
    route: Annotated[
        Literal["passthrough", "reasoning", "auto"] | None,
        typer.Option(metavar="ROUTE", help="Request path: passthrough, reasoning or auto."),
    ] = None,
    max_steps: Annotated[
        int,
        typer.Option(min=1, max=50, metavar="COUNT", help="Maximum reasoning steps of a route."),
    ] = 3,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Verify the trace. Exits with 7 if wrong, 5 if unknown."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Maximum wait to verify. Default: 30, or the delay of spend logs.",
        ),
    ] = None,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Print the reply when it is complete.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Send a prompt through the gateway, streamed and traced."""
    from gatewayctl.operations.chat.attachments import read_attachments
    from gatewayctl.operations.chat.params import check_tags, parse_params
    from gatewayctl.operations.chat.plan import ChatInput
    from gatewayctl.output.chat import render_reply

    app = context(ctx)
    if ctx.args:
        whole = shlex.quote(" ".join([prompt or "", *ctx.args]))
        raise UsageProblem(
            "The prompt is more than one argument.",
            hint=f"Put it in quotes: `gatewayctl chat {whole}`.",
        )
    if route is not None and (component is not None or operation is not None):
        raise UsageProblem("--route has its own components: omit --component and --operation.")
    params = parse_params(parse_pairs(param, option="--param"))
    tags = check_tags(tag or ())
    attachments = read_attachments(image or (), file or ())
    app.note_other_project("litellm")
    if verify and timeout is None:
        from gatewayctl.operations.traces.spend_log_times import find_verification_timeout

        timeout = find_verification_timeout(app.settings)
    is_conversation = prompt is None and sys.stdin.isatty()
    ask = ChatInput(
        prompt="" if is_conversation else _read_prompt(prompt),
        component=component,
        operation=operation,
        model=model,
        system=system,
        metadata=parse_pairs(metadata, option="--metadata"),
        key_env=key_env,
        stream=not (no_stream or app.json),
        route=route,
        max_steps=max_steps,
        verify=timeout if verify else None,
        params=params,
        tags=tags,
        attachments=attachments,
    )
    if is_conversation:
        _converse(app, ask)
    else:
        terminal = app.console.stdout.isatty()
        # A reply is content: it arrives as the model wrote it.
        app.show(take_turn(app, ask), partial(render_reply, terminal=terminal), reveal=True)


def _converse(app: App, ask: ChatInput) -> None:
    from gatewayctl.cli.conversation import converse
    from gatewayctl.tracing.stores import make_client_tracer

    if app.json:
        raise EmptyPrompt("--json needs a prompt: a conversation has no single document.")
    tracer = make_client_tracer(app.settings, app.http)
    converse(ask, turn=lambda each: take_turn(app, each, tracer), console=app.console)


def _read_prompt(given: str | None) -> str:
    if given not in {None, "-"}:
        return str(given)
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise UsageProblem("Standard input is not UTF-8 text.") from None


def take_turn(app: App, ask: ChatInput, tracer: ClientTracer | None = None) -> ChatReport:
    """Send one prompt and stream the reply to stdout, with notes on stderr."""
    from gatewayctl.operations.chat.send import send_chat
    from gatewayctl.output.chat import Screen, narrate_reply

    screen = Screen(terminal=app.console.stdout.isatty())
    try:
        # Closed here and not by the garbage collector: an aborted reply still sends its span.
        chatting = send_chat(
            app.settings, app.gateway, ask, tracer=tracer, read_log=app.read_litellm_log
        )
        with closing(chatting) as events:
            report = app.follow(screen.pass_on(events))
    finally:
        if screen.open_line:
            app.console.result_text("\n")
    if not app.json:
        for line in narrate_reply(report):
            app.console.say(line)
    return report
