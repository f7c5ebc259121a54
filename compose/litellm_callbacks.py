# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# `gatewayctl render --check` detects manual edits of this file, and `render` overwrites them.
"""What the gateway adds to LiteLLM, which imports this file from beside its config.

- LiteLLM keeps metadata for traces and tags for spend logs. A component that a client names in one
  of them, or in the header x-gatewayctl-component, is written into both, so both count the call.
- Calls that are not sampled are marked in the spend logs, since Phoenix will not have them.
- The model group that a client asked for is in the spend logs, also if a fallback answered.
- A model with a fixed answer serves chats only: LiteLLM would return its text as an embedding.
- Of the spans of a request only those are sent that `tracing.spans` and `tracing.sample` in
  gateway.yaml ask for: half of what a call costs is a trace store that takes in its spans.
- LiteLLM's own housekeeping stays out of the traces. Its OpenTelemetry logger also listens to its
  services, so that every statement to its database becomes a span: several traces per second in
  Phoenix without any model call. LiteLLM has no setting for it: LITELLM_OTEL_EXCLUDED_SERVICES
  applies only to the destinations of keys and teams.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextvars import Context, copy_context
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

try:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
    from opentelemetry.trace import SpanKind, StatusCode
except ImportError:
    # An image without it serves calls, and sends no spans.
    trace, SpanProcessor = None, object

TAGS = {"component": "component:", "operation": "op:"}
"""The names in metadata, and the beginnings of their tags."""
COMPLETIONS = ("completion", "acompletion", "text_completion", "atext_completion")
CHATS = ("responses", "aresponses", "anthropic_messages", "generate_content", "agenerate_content")
"""Other APIs that a fixed answer can serve, as one whole."""

SAMPLE = 1.0
"""The share of the requests without a trace context of their client whose spans are sent."""
SPANS = "requests"
"""all, requests (no phases of LiteLLM) or calls (a request with one call is that call)."""
MAX_OPEN = 10_000
"""Spans that have not ended. With more, the request of the oldest is sent as far as it has come."""


class GatewayCallback(CustomLogger):
    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | str:
        """Called for every request that was admitted, before a deployment is selected."""
        name_component(data)
        note_unsampled(data)
        note_model(data)
        # LiteLLM answers status 400 with this text.
        return refuse_offline(data, call_type) or data


def name_component(data: dict[str, Any]) -> None:
    """Complete metadata and tags from each other, or from the headers; neither is overwritten."""
    metadata, headers = find_metadata(data), find_headers(data)
    if metadata is None:
        return
    sent = metadata.get("requester_metadata")
    if not isinstance(sent, dict):
        sent = metadata["requester_metadata"] = {}
    given = metadata.get("tags") or []
    # LiteLLM loses the span of a call whose tags are not a list.
    tags = [*given] if isinstance(given, list | tuple) else [str(given)]
    for name, prefix in TAGS.items():
        tagged = [str(tag).removeprefix(prefix) for tag in tags if str(tag).startswith(prefix)]
        header = headers.get(f"x-gatewayctl-{name}")
        value = next(
            (
                found
                for found in (sent.get(name), metadata.get(name), header, *tagged)
                if isinstance(found, str | int | float) and str(found).strip()
            ),
            None,
        )
        if value is None:
            continue
        sent[name] = value
        if not tagged and not routes_by_tags():
            tags.append(f"{prefix}{value}")
    metadata["tags"] = tags


def note_unsampled(data: dict[str, Any]) -> None:
    """Write into the spend log that no spans are sent, unless the request fails."""
    metadata, context = find_metadata(data), find_headers(data).get("traceparent", "").split("-")
    if metadata is None or not (is_unsampled(context) if len(context) >= 4 else is_left_out()):
        return
    noted = metadata.get("spend_logs_metadata")
    noted = noted if isinstance(noted, dict) else {}
    metadata["spend_logs_metadata"] = {**noted, "trace_sampled": False}


def is_unsampled(context: list[str]) -> bool:
    """True if a W3C trace context, in its parts, asks for no spans."""
    return context[3][-1:] in tuple("02468ace")


def is_left_out() -> bool:
    """True if the current request is none of the sample."""
    if trace is None:
        return False
    return not is_in_sample(trace.get_current_span().get_span_context().trace_id)


def note_model(data: dict[str, Any]) -> None:
    """Write the requested model group into the spend log, which has the one that answered."""
    metadata, model = find_metadata(data), data.get("model")
    if metadata is not None and isinstance(model, str):
        noted = metadata.get("spend_logs_metadata")
        noted = noted if isinstance(noted, dict) else {}
        metadata["spend_logs_metadata"] = {**noted, "asked_model": model}


def find_metadata(data: dict[str, Any]) -> dict[str, Any] | None:
    """LiteLLM's metadata of the request; routes that use OpenAI's metadata have another name."""
    found = data.get("litellm_metadata" if "litellm_metadata" in data else "metadata")
    return found if isinstance(found, dict) else None


def find_headers(data: dict[str, Any]) -> dict[str, str]:
    """The client's headers, with names in lower case and without credentials."""
    return (data.get("proxy_server_request") or {}).get("headers") or {}


def routes_by_tags() -> bool:
    """True if tags select the deployment, so that another tag would change the selection."""
    return bool(getattr(find_router(), "enable_tag_filtering", False))


def refuse_offline(data: dict[str, Any], call_type: str) -> str | None:
    """Why a model with a fixed answer cannot serve this request; None for everything else."""
    if call_type in COMPLETIONS or (call_type in CHATS and not data.get("stream")):
        return None
    router, model = find_router(), data.get("model")
    deployments = router.get_model_list(model) if router and model else None
    if not deployments or any(
        not isinstance(each["litellm_params"].get("mock_response"), str) for each in deployments
    ):
        return None
    return (
        f"The model {model!r} has a fixed answer, given without a provider: it serves chat"
        " completions, and other chat APIs without streaming."
    )


def find_router() -> Any:
    from litellm.proxy import proxy_server

    return proxy_server.llm_router


class ServiceCallbacks(list[object]):
    """LiteLLM's list of listeners to its services, without its OpenTelemetry logger."""

    def __init__(self, callbacks: list[object]) -> None:
        super().__init__(callback for callback in callbacks if not _is_tracer(callback))

    def append(self, callback: object) -> None:
        if not _is_tracer(callback):
            super().append(callback)


def _is_tracer(callback: object) -> bool:
    return type(callback).__module__.startswith("litellm.integrations.otel")


def is_in_sample(trace_id: int) -> bool:
    """The decision of OpenTelemetry's sampler by ratio: the same in each worker and replica."""
    return trace_id & (1 << 64) - 1 < round(SAMPLE * (1 << 64))


def is_root(span: ReadableSpan) -> bool:
    """True for the first span of a request in this process."""
    return span.parent is None or span.parent.is_remote


def has_failed(span: ReadableSpan) -> bool:
    found = span.attributes or {}
    answered = found.get("http.status_code") or found.get("http.response.status_code") or 200
    return span.status.status_code is StatusCode.ERROR or answered >= 400


def is_phase(span: ReadableSpan) -> bool:
    """True for LiteLLM's own steps of a request: who asks, and which deployment is to answer."""
    return span.kind is SpanKind.INTERNAL and span.name.startswith(("auth ", "route "))


def is_call(span: ReadableSpan) -> bool:
    return span.kind is SpanKind.CLIENT and "gen_ai.operation.name" in (span.attributes or {})


def select_spans(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """The spans of a successful request that are worth their price, with their parents."""
    if SPANS == "all":
        return spans
    parents = {span.parent.span_id for span in spans if span.parent is not None}
    found = [span for span in spans if not is_phase(span) or span.context.span_id in parents]
    if SPANS == "calls" and len(found) == 2:
        request, call = sorted(found, key=is_call)
        if request.kind is SpanKind.SERVER and is_call(call):
            return [replace_parent(call, request)]
    return found


def replace_parent(call: ReadableSpan, request: ReadableSpan) -> ReadableSpan:
    """The call as a child of the request's own parent: the client's span, if it sent one."""
    return ReadableSpan(
        name=call.name,
        context=call.context,
        parent=request.parent,
        resource=call.resource,
        attributes=call.attributes,
        events=call.events,
        links=call.links,
        kind=call.kind,
        status=call.status,
        start_time=call.start_time,
        end_time=call.end_time,
        instrumentation_scope=call.instrumentation_scope,
    )


class Tree:
    """The spans of one request in this process: how many have not ended, and those that have.

    ``context`` is that of the last one: LiteLLM looks there for the destinations of the key.
    """

    def __init__(self) -> None:
        self.open = 0
        self.ended: list[ReadableSpan] = []
        self.context = copy_context()


class SpanFilter(SpanProcessor):
    """Holds back the spans of a request until all have ended, then passes on what is wanted.

    A request that fails is passed on whole. A client that sends its trace context has decided for
    itself: the SDK makes no spans for it, or its request counts as one of the sample.
    """

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner
        # LiteLLM makes spans in several threads.
        self._lock = threading.Lock()
        self._open: OrderedDict[int, Tree] = OrderedDict()
        self._left_out: OrderedDict[int, None] = OrderedDict()
        """Ended spans out of the sample: one of their children may still begin."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        self._inner.on_start(span, parent_context)
        oldest = Tree()
        with self._lock:
            known = None if is_root(span) else self._open.get(span.parent.span_id)
            tree = self._open[span.context.span_id] = known or Tree()
            tree.open += 1
            if len(self._open) > MAX_OPEN:
                _, oldest = self._open.popitem(last=False)
                oldest.open -= 1
            spans = take_ended(oldest)
        self._pass_on(spans, oldest.context)

    def on_end(self, span: ReadableSpan) -> None:
        context = copy_context()
        with self._lock:
            tree = self._open.pop(span.context.span_id, None)
            if tree is None:
                tree = Tree()
            else:
                tree.open -= 1
            tree.ended.append(span)
            tree.context = context
            spans = take_ended(tree) if tree.open == 0 else []
        self._pass_on(spans, context)

    def _pass_on(self, spans: list[ReadableSpan], context: Context) -> None:
        if any(has_failed(span) for span in spans):
            wanted = spans
        else:
            wanted = select_spans(spans) if self._is_sampled(spans) else []
        for span in wanted:
            # A copy: another thread may be in this one.
            context.copy().run(self._inner.on_end, span)

    def _is_sampled(self, spans: list[ReadableSpan]) -> bool:
        root = next((span for span in spans if is_root(span)), None)
        if root is not None:
            sampled = root.parent is not None or is_in_sample(root.context.trace_id)
        else:
            sampled = all(span.parent.span_id not in self._left_out for span in spans)
        if not sampled:
            with self._lock:
                self._left_out.update((span.context.span_id, None) for span in spans)
                while len(self._left_out) > MAX_OPEN:
                    self._left_out.popitem(last=False)
        return sampled

    def shutdown(self) -> None:
        with self._lock:
            left = [(take_ended(tree), tree.context) for tree in self._open.values()]
        for spans, context in left:
            self._pass_on(spans, context)
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


def take_ended(tree: Tree) -> list[ReadableSpan]:
    spans, tree.ended = tree.ended, []
    return spans


def add_filtered(provider: TracerProvider, processor: SpanProcessor) -> None:
    # LiteLLM finds this one by its type. It sends the spans that a key or a team asked for.
    is_found = type(processor).__name__ == "TenantFanOutSpanProcessor"
    add_processor(provider, processor if is_found else SpanFilter(processor))


if trace is not None:
    # LiteLLM makes its tracer after it has imported this file, and has no setting for this.
    add_processor = TracerProvider.add_span_processor
    TracerProvider.add_span_processor = add_filtered

# Each worker loads the config, and with it this file, before its first request.
litellm.service_callback = ServiceCallbacks(litellm.service_callback)

no_housekeeping = GatewayCallback()
