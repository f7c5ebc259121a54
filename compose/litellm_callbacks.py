# Rendered by gatewayctl from gateway.yaml: edit that file, then run `gatewayctl render`.
# `gatewayctl render --check` detects manual edits of this file, and `render` overwrites them.
"""Keeps LiteLLM's own housekeeping out of the traces. LiteLLM imports it from beside its config.

Its OpenTelemetry logger also listens to LiteLLM's services, so that every statement to its database
becomes a span: several traces per second in Phoenix without any model call, which hide the model
calls. LiteLLM has no setting for it: LITELLM_OTEL_EXCLUDED_SERVICES applies only to the
destinations of keys and teams.
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


# Each worker loads the config, and with it this file, before its first request.
litellm.service_callback = ServiceCallbacks(litellm.service_callback)

# The callback in the config; it does nothing.
no_housekeeping = CustomLogger()
