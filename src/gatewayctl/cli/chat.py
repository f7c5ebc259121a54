"""`chat`: what is typed, read from the command line, a pipe or a terminal."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gatewayctl.cli.context import App, context
from gatewayctl.cli.options import JsonFlag
from gatewayctl.errors import EmptyPrompt, UsageProblem

if TYPE_CHECKING:
    from gatewayctl.operations.chat.plan import ChatInput
    from gatewayctl.operations.chat.report import ChatReport
    from gatewayctl.tracing.client_spans import ClientTracer


Prompt = Annotated[
    str | None,
    typer.Argument(help="What to say; - or a pipe reads stdin; none opens a conversation."),
]
ComponentOption = Annotated[
    str | None, typer.Option("--component", help="Component to speak as. [default: passthrough]")
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Model group. [default: the first with a provider key]"),
]
KeyEnvOption = Annotated[
    str | None,
    typer.Option("--key-env", help="Variable of the virtual key. [default: that of the first key]"),
]
RouteOption = Annotated[
    Literal["passthrough", "reasoning", "auto"] | None,
    typer.Option("--route", help="Take a request path of several steps, all in one trace."),
]
VerifyFlag = Annotated[
    bool, typer.Option("--verify", help="Prove the trace: exit 7 if it is wrong, 5 unknown.")
]


def chat(
    ctx: typer.Context,
    prompt: Prompt = None,
    component: ComponentOption = None,
    operation: Annotated[str | None, typer.Option(help="Operation of that component.")] = None,
    model: ModelOption = None,
    system: Annotated[str | None, typer.Option(help="System message.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="Metadata of the request.", metavar="K=V")
    ] = None,
    key_env: KeyEnvOption = None,
    route: RouteOption = None,
    max_steps: Annotated[
        int, typer.Option(min=1, max=50, help="Reasoning steps at most, on a route.")
    ] = 3,
    verify: VerifyFlag = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the proof.")] = 30,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Show the reply whole.")] = False,
    json: JsonFlag = False,
) -> None:
    """Chat through the gateway: streamed, attributed to a component, traced."""
    from gatewayctl.operations.chat.plan import ChatInput
    from gatewayctl.output.chat import render_reply

    app = context(ctx)
    if route is not None and (component is not None or operation is not None):
        raise UsageProblem("A route has components of its own: leave out --component, --operation.")
    terminal = prompt is None and sys.stdin.isatty()
    ask = ChatInput(
        prompt="" if terminal else _prompt(prompt),
        component=component,
        operation=operation,
        model=model,
        system=system,
        metadata=tuple(metadata or ()),
        key_env=key_env,
        stream=not (no_stream or app.json),
        route=route,
        max_steps=max_steps,
        verify=timeout if verify else None,
    )
    if terminal:
        _conversation(app, ask)
    else:
        app.show(
            "chat", turn(app, ask), lambda shown: render_reply(shown, terminal=_on_terminal(app))
        )


def _conversation(app: App, ask: ChatInput) -> None:
    from gatewayctl.cli.conversation import converse
    from gatewayctl.tracing.client_spans import ClientTracer

    if app.json:
        raise EmptyPrompt("--json needs a prompt: a conversation is not one document.")
    tracer = ClientTracer(app.http, app.settings.phoenix_url)
    converse(ask, turn=lambda each: turn(app, each, tracer), console=app.console)


def _prompt(given: str | None) -> str:
    if given not in {None, "-"}:
        return str(given)
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise UsageProblem("What was piped in is not UTF-8 text.") from None


def _on_terminal(app: App) -> bool:
    return app.console.stdout.isatty()


def turn(app: App, ask: ChatInput, tracer: ClientTracer | None = None) -> ChatReport:
    """One prompt and its reply: streamed to stdout, narrated on stderr."""
    from gatewayctl.operations.chat.send import send_chat
    from gatewayctl.output.chat import Screen, narrate_reply

    screen = Screen(terminal=_on_terminal(app))
    try:
        # Closed here, not some day: a reply that is given up still sends its span.
        with closing(send_chat(app.settings, app.gateway, ask, tracer=tracer)) as events:
            report = app.follow(screen.passing(events))
    finally:
        if screen.open_line:
            app.console.result_text("\n")
    if not app.json:
        for line in narrate_reply(report):
            app.console.say(line)
    return report
