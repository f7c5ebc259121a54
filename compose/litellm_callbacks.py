# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# Changes made here by hand are found by `gatewayctl render --check` and lost by `render`.
"""Keeps LiteLLM's own housekeeping out of the traces. LiteLLM imports it from beside its config.

Its OpenTelemetry logger also listens to LiteLLM's services, and then every statement to its
database is a span: several traces a second in Phoenix without any model call, and the model
calls lost among them. LiteLLM has no setting for it: LITELLM_OTEL_EXCLUDED_SERVICES holds for
the destinations of keys and teams only.
"""

from __future__ import annotations

import litellm
from litellm.integrations.custom_logger import CustomLogger


class ServiceCallbacks(list[object]):
    """LiteLLM's list of listeners to its services, without its OpenTelemetry logger."""

    def __init__(self, callbacks: list[object]) -> None:
        super().__init__(callback for callback in callbacks if not _is_tracer(callback))

    def append(self, callback: object) -> None:
        if not _is_tracer(callback):
            super().append(callback)


def _is_tracer(callback: object) -> bool:
    return type(callback).__module__.startswith("litellm.integrations.otel")


# Each worker reads the config, and with it this file, before its first request.
litellm.service_callback = ServiceCallbacks(litellm.service_callback)

# What the config names: a callback that does nothing.
no_housekeeping = CustomLogger()
