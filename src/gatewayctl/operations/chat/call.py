"""One model call: the request, the reply as it arrives, and the end of its span.

Owns what a client span records about its call, which is what `trace verify` later expects: names,
counts and LiteLLM's call id, never contents or keys. Must not know routes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import (
    BudgetSpent,
    GatewayctlError,
    RateLimited,
    RouteRefused,
    UnknownModel,
    VirtualKeyRefused,
)
from gatewayctl.gateway.chat import ChatRequest, Usage, post_chat
from gatewayctl.operations.chat.plan import ChatPlan
from gatewayctl.settings.model import Settings
from gatewayctl.settings.overrides import advise_unset
from gatewayctl.settings.problems import suggest
from gatewayctl.tracing.client_spans import ClientSpan
from gatewayctl.tracing.verify import ExpectedCall

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient
    from gatewayctl.operations.models.provider_failure import ReadLog


_EARLY_ENDS: Final = {
    "length": "the token limit was reached",
    "content_filter": "the provider's content filter stopped it",
}
_NO_CALL: Final = (
    "The reply has no call id of LiteLLM: a guardrail answered in place of the model, or a proxy"
    " removed the headers."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A part of the reply, shown unchanged."""

    text: str


@dataclass(slots=True, kw_only=True)
class Reply:
    """What has arrived so far; ``broken_by`` is why it is incomplete.

    ``tool_calls`` are the names of the functions that the model calls. ``fallback`` is the model
    that answered in place of the requested one, after ``retries``; ``deployment`` is what it
    called, unless LiteLLM's cache answered (``cached``). Texts are buffers while they arrive: a
    string would be copied with each of perhaps a million parts, and a list of them is large.
    """

    text_parts: StringIO = field(default_factory=StringIO)
    reasoning_parts: StringIO = field(default_factory=StringIO)
    refusal_parts: StringIO = field(default_factory=StringIO)
    tool_calls: tuple[str, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    call_id: str | None = None
    retries: int = 0
    fallback: str | None = None
    deployment: str | None = None
    cached: bool = False
    latency_ms: float = 0
    broken_by: GatewayctlError | None = None

    @property
    def text(self) -> str:
        return self.text_parts.getvalue()

    @property
    def reasoning(self) -> str:
        return self.reasoning_parts.getvalue()

    @property
    def refusal(self) -> str:
        return self.refusal_parts.getvalue()

    def remark(self) -> str | None:
        """Why a complete reply has no text or ends early; None for a usual one."""
        reason = f"(finish_reason {self.finish_reason or '-'})"
        if self.broken_by is not None:
            return None
        if self.call_id is None and self.usage is not None and not self.usage.total_tokens:
            return _NO_CALL
        if self.refusal:
            return f"The model refused to answer {reason}: {self.refusal}"
        if self.tool_calls:
            names = ", ".join(self.tool_calls)
            return f"The model calls {names}, which chat does not run {reason}."
        why = _EARLY_ENDS.get(self.finish_reason or "")
        if self.text.strip():
            cut_off = None if why is None else f"The reply is cut off: {why} {reason}."
            return cut_off or (_NO_CALL if self.call_id is None else None)
        what = "The reply has no text" + (", only reasoning" if self.reasoning else "")
        return f"{what} {reason}." if why is None else f"{what}: {why} {reason}."

    def span_attributes(self) -> Mapping[str, str | int | bool]:
        """What the span records about the reply."""
        attributes: dict[str, str | int | bool] = {}
        if self.call_id is not None:
            attributes["gatewayctl.call_id"] = self.call_id
        if self.usage is not None:
            attributes["gatewayctl.prompt_tokens"] = self.usage.prompt_tokens
            attributes["gatewayctl.completion_tokens"] = self.usage.completion_tokens
        if self.retries:
            attributes["gatewayctl.retries"] = self.retries
        if self.fallback is not None:
            attributes["gatewayctl.fallback"] = self.fallback
        if self.deployment is not None:
            attributes["gatewayctl.deployment"] = self.deployment
        if self.cached:
            attributes["gatewayctl.cached"] = True
        return attributes

    def expected_call(self, plan: ChatPlan, span: ClientSpan) -> ExpectedCall:
        """What the trace must contain of this call."""
        return ExpectedCall(
            call_id=self.call_id,
            span_id=span.span_id,
            component=plan.component,
            operation=plan.operation,
            model=plan.model,
            prompt_tokens=None if self.usage is None else self.usage.prompt_tokens,
            completion_tokens=None if self.usage is None else self.usage.completion_tokens,
            retries=self.retries,
            fallback=self.fallback,
            cached=self.cached,
        )


def call_model(
    settings: Settings,
    gateway: GatewayClient,
    plan: ChatPlan,
    span: ClientSpan,
    *,
    clock: Callable[[], float],
    read_log: ReadLog | None = None,
) -> Generator[Delta, None, Reply]:
    """Send the planned request under the span, and end the span in every case.

    A failure of the gateway becomes the reply's ``broken_by``; an interruption is raised.
    """
    reply, start = Reply(), clock()
    try:
        yield from _receive(gateway, plan, span, reply)
    except GatewayctlError as error:
        reply.broken_by = _explain(error, settings, plan, read_log)
    except (KeyboardInterrupt, GeneratorExit):
        span.end("cancelled", why="interrupted")
        raise
    except BaseException:
        span.end("error", why="bug")
        raise
    reply.latency_ms = round((clock() - start) * 1000, 1)
    if reply.broken_by is None:
        span.end("ok", attributes=reply.span_attributes())
    else:
        # Only the code: a provider's message may quote the request.
        span.end("error", why=reply.broken_by.code, attributes=reply.span_attributes())
    return reply


def _receive(
    gateway: GatewayClient, plan: ChatPlan, span: ClientSpan, reply: Reply
) -> Generator[Delta, None, None]:
    request = ChatRequest(
        model=plan.model,
        messages=plan.messages,
        metadata=plan.metadata,
        headers=span.headers(),
        stream=plan.stream,
        timeout=plan.timeout,
        response_format=plan.response_format,
        params=plan.params,
    )
    with post_chat(gateway, plan.key, request) as answer:
        reply.call_id = answer.call_id
        reply.retries, reply.fallback = answer.retries, answer.fallback
        reply.deployment, reply.cached = answer.deployment, answer.cached
        for chunk in answer.chunks:
            reply.finish_reason = chunk.finish_reason or reply.finish_reason
            reply.usage = chunk.usage or reply.usage
            reply.reasoning_parts.write(chunk.reasoning)
            reply.refusal_parts.write(chunk.refusal)
            reply.tool_calls += chunk.tool_calls
            if chunk.text:
                reply.text_parts.write(chunk.text)
                if plan.stream:
                    yield Delta(text=chunk.text)


def _explain(
    error: GatewayctlError, settings: Settings, plan: ChatPlan, read_log: ReadLog | None
) -> GatewayctlError:
    """Add to the error which models are declared, and where key and model come from."""
    if isinstance(error, UnknownModel):
        declared = [model.name for model in settings.models]
        hint = f"Choose a declared model {suggest(plan.model, declared)}."
        if plan.model in declared:
            hint = f"{plan.key_env} may not use it, or the gateway runs with older settings:"
            hint += " see `gatewayctl models list` and `gatewayctl keys list`."
        return UnknownModel(f"The gateway has no model {plan.model!r} for this key.", hint=hint)
    if isinstance(error, BudgetSpent | RateLimited | RouteRefused):
        from gatewayctl.gateway.limit_refusals import THIS_KEY

        alias = next((key.alias for key in settings.keys if key.env == plan.key_env), plan.key_env)
        return type(error)(error.message.replace(THIS_KEY, alias), hint=error.hint)
    if isinstance(error, VirtualKeyRefused):
        source = plan.key_source
        hint = advise_unset(plan.key_env) if source.is_environment else error.hint
        origin = f"{plan.key_env} ({source})"
        return VirtualKeyRefused(f"{error.message} It is the value of {origin}.", hint=hint)
    from gatewayctl.operations.models.provider_failure import explain_provider_failure

    return explain_provider_failure(error, plan.model, settings, read_log)
