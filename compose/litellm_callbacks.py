# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# `gatewayctl render --check` detects manual edits of this file, and `render` overwrites them.
"""What the gateway adds to LiteLLM, which imports this file from beside its config.

- LiteLLM keeps metadata for traces and tags for spend logs. A component that a client names in one
  of them, or in the header x-gatewayctl-component, is written into both, so both count the call.
- Calls that are not sampled are marked in the spend logs, since Phoenix will not have them.
- A model with a fixed answer serves chats only: LiteLLM would return its text as an embedding.
- LiteLLM's own housekeeping stays out of the traces. Its OpenTelemetry logger also listens to its
  services, so that every statement to its database becomes a span: several traces per second in
  Phoenix without any model call. LiteLLM has no setting for it: LITELLM_OTEL_EXCLUDED_SERVICES
  applies only to the destinations of keys and teams.
"""

from __future__ import annotations

from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

TAGS = {"component": "component:", "operation": "op:"}
"""The names in metadata, and the beginnings of their tags."""
COMPLETIONS = ("completion", "acompletion", "text_completion", "atext_completion")
CHATS = ("responses", "aresponses", "anthropic_messages", "generate_content", "agenerate_content")
"""Other APIs that a fixed answer can serve, as one whole."""


class GatewayCallback(CustomLogger):
    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any] | str:
        """Called for every request that was admitted, before a deployment is selected."""
        name_component(data)
        note_unsampled(data)
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
    """Write into the spend log that the client's W3C trace context asks for no spans."""
    metadata, context = find_metadata(data), find_headers(data).get("traceparent", "").split("-")
    if metadata is None or len(context) < 4 or context[3][-1:] not in tuple("02468ace"):
        return
    noted = metadata.get("spend_logs_metadata")
    noted = noted if isinstance(noted, dict) else {}
    metadata["spend_logs_metadata"] = {**noted, "trace_sampled": False}


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


# Each worker loads the config, and with it this file, before its first request.
litellm.service_callback = ServiceCallbacks(litellm.service_callback)

no_housekeeping = GatewayCallback()
