"""The variables that make LiteLLM send its spans to the declared trace stores.

Its OpenTelemetry callback (``otel``) takes any number of exporters as JSON in EXPORTERS
(litellm/integrations/otel/model/config.py). Each has a queue of its own, so that a store that does
not answer holds back no other. Must not know which service gets the variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from gatewayctl.settings.declared.trace_stores import TRACES_PATH, TraceStore, format_headers
from gatewayctl.settings.model import PHOENIX_PROJECT, Secret, Settings

CALLBACK: Final = "otel"
OWN_CALLBACK: Final = "arize_phoenix"
COLLECTOR: Final = "PHOENIX_COLLECTOR_HTTP_ENDPOINT"
"""In .env: another endpoint for LiteLLM's spans, with its path (/v1/traces). By HTTP: the callback
uses gRPC only for port 4317."""
_BAGGAGE: Final = (
    *("requester_metadata.component", "requester_metadata.operation", "user_api_key_alias"),
)
_PROMOTED: Final = ("litellm.team.id", "litellm.team.alias", "litellm.api_key.hash")
"""LiteLLM's default has gen_ai.request.model too, and Phoenix counts every span that has it as a
model call: three for each real one."""
_SCHEME: Final = "Bearer%20"
"""The syntax of these headers has no blanks."""
_OWN_URL: Final = "http://phoenix:6006"
OWN_COLLECTOR: Final = f"{_OWN_URL}{TRACES_PATH}"
"""The project's own Phoenix, as a container beside it sees it."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = "host.docker.internal"


Place = Literal["host", "container", "cluster"]
"""Where an application runs."""
Refer = Callable[[str], str]
"""Writes the reference to a variable, in the syntax of what starts the container."""


def refer_in_compose(name: str) -> str:
    """Refer to a variable in a compose file; empty if it is not set."""
    return f"${{{name}:-}}"


def tracing_callbacks(settings: Settings) -> tuple[str, ...]:
    """The tracing callback of LiteLLM's configuration: exactly one, or none without traces.

    Two would send every span twice.
    """
    if not settings.trace_stores:
        return ()
    return (CALLBACK if settings.tracing.declared else OWN_CALLBACK,)


def span_variables(settings: Settings) -> dict[str, str]:
    """What LiteLLM's spans contain, and when they are sent; the same wherever it runs.

    Spans arrive in each store once, with the component to filter by.
    """
    return {
        "LITELLM_OTEL_V2": "true",
        "OTEL_SERVICE_NAME": "litellm",
        # Phoenix shows prompts and replies from the span.
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": (
            "span_only" if settings.tracing.contents.messages else "no_content"
        ),
        # Otherwise each value is there once more, under a name of its older convention.
        "LITELLM_OTEL_LEGACY_COMPAT": "false",
        "LITELLM_OTEL_BAGGAGE_METADATA_KEYS": ",".join(_BAGGAGE),
        "LITELLM_OTEL_BAGGAGE_PROMOTED_KEYS": ",".join(_PROMOTED),
        # Milliseconds, default 5000: a trace should be visible right after its call.
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }


def own_phoenix_variables(collector: str) -> dict[str, str]:
    """Where LiteLLM sends its spans without declared stores: to the project's own Phoenix."""
    return {
        COLLECTOR: collector,
        "PHOENIX_PROJECT_NAME": PHOENIX_PROJECT,
        # Without any exporter here, the callback also logs every span, including prompts; this
        # one is never used, because it has no headers.
        "EXPORTERS": '[{"requires_headers": true}]',
    }


def otel_variables(settings: Settings, environment: Mapping[str, Secret]) -> dict[str, str]:
    """The variables for a process of this machine, with credentials."""
    exporters = [
        _exporter(store, store.traces_url, format_headers(store.headers(environment)))
        for store in settings.trace_stores
    ]
    return _variables(settings, exporters)


def container_otel_variables(settings: Settings, refer: Refer = refer_in_compose) -> dict[str, str]:
    """The same for a container: where ``refer`` names a variable, its value is inserted."""
    exporters = [
        _exporter(store, _container_url(store), _header_references(store, refer))
        for store in settings.trace_stores
    ]
    return _variables(settings, exporters)


def app_variables(settings: Settings, refer: Refer = refer_in_compose) -> dict[str, str]:
    """What an app's own OpenTelemetry library needs, in a container, for the first trace store."""
    store = next(iter(settings.trace_stores), None)
    if store is None:
        return {"OTEL_SDK_DISABLED": "true"}
    headers = "" if store.is_own else _header_references(store, refer)
    return _library_variables(store, _container_url(store), headers)


def application_variables(
    settings: Settings, environment: Mapping[str, Secret], *, place: Place
) -> dict[str, str]:
    """The same with credentials, for an application that others start in this place.

    Empty without declared trace stores: then an application chooses for itself.
    """
    store = next(iter(settings.trace_stores), None)
    if store is None or not settings.tracing.declared:
        return {}
    url = store.traces_url if place == "host" else _container_url(store)
    if place == "cluster":
        # It may be in another namespace.
        own = f"{settings.kubernetes.service_url('phoenix', 6006)}{TRACES_PATH}"
        url = own if store.is_own else store.traces_url
    return _library_variables(store, url, format_headers(store.headers(environment)))


def _library_variables(store: TraceStore, traces_url: str, headers: str) -> dict[str, str]:
    url = traces_url.removesuffix(TRACES_PATH)
    found = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={quote(store.project)}",
    }
    if headers:
        found["OTEL_EXPORTER_OTLP_HEADERS"] = headers
    if store.kind == "phoenix":
        found |= {"PHOENIX_COLLECTOR_ENDPOINT": url, "PHOENIX_PROJECT_NAME": store.project}
    return found


def _variables(settings: Settings, exporters: list[dict[str, str]]) -> dict[str, str]:
    asked = settings.asked_store
    project = PHOENIX_PROJECT if asked is None else asked.project
    return {
        "EXPORTERS": json.dumps(exporters),
        # What Phoenix calls a model call, its input and its tokens.
        "MAPPER_NAMES": "genai,openinference",
        "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={quote(project)}",
    }


def _exporter(store: TraceStore, url: str, headers: str) -> dict[str, str]:
    found = {"kind": "otlp_http", "traces_endpoint": url}
    return {**found, "headers": headers} if headers else found


def _header_references(store: TraceStore, refer: Refer) -> str:
    """The headers with variables in the place of credentials."""
    parts = [format_headers(store.headers({})).replace("$", "$$")]
    parts.append(refer(store.headers_env) if store.headers_env else "")
    if store.api_key_env:
        parts.append(f"authorization={_SCHEME}{refer(store.api_key_env)}")
    return ",".join(filter(None, parts))


def _container_url(store: TraceStore) -> str:
    """The address as a container sees it: loopback would be the container itself."""
    if store.is_own:
        return OWN_COLLECTOR
    parts = urlsplit(store.traces_url)
    if parts.hostname in _LOOPBACK:
        port = "" if parts.port is None else f":{parts.port}"
        parts = parts._replace(netloc=f"{_HOST}{port}")
    return urlunsplit(parts).replace("$", "$$")
