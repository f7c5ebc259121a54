"""The settings of the application: environment variables, checked once at startup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class BadSettings(Exception):
    """The application cannot start; the message lists what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``None`` for a step or classifier model means the model that the request asks for.

    ``timeout`` is in seconds. ``traces_url`` is the OTLP address of Phoenix with its path;
    None sends no spans.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    step_model: str | None = None
    classifier_model: str | None = None
    max_steps: int = 3
    timeout: float = 120
    service_name: str = "reasoning-api"
    phoenix_project: str = "gateway"
    traces_url: str | None = None
    hide_inputs: bool = False
    hide_outputs: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables. Raises BadSettings for missing values and invalid numbers."""
        return cls(
            base_url=_add_version(_require(environ, "LLM_BASE_URL")),
            api_key=_require(environ, "LLM_API_KEY"),
            model=environ.get("MODEL") or "gpt-4o-mini",
            step_model=environ.get("STEP_MODEL") or None,
            classifier_model=environ.get("CLASSIFIER_MODEL") or None,
            max_steps=int(_read_positive(environ, "MAX_STEPS", "3")),
            timeout=_read_positive(environ, "LLM_TIMEOUT", "120"),
            service_name=environ.get("OTEL_SERVICE_NAME") or "reasoning-api",
            # The project of the gateway's spans, so that one request is one tree.
            phoenix_project=environ.get("PHOENIX_PROJECT_NAME") or "gateway",
            traces_url=_traces_url(environ),
            hide_inputs=_is_true(environ, "OPENINFERENCE_HIDE_INPUTS"),
            hide_outputs=_is_true(environ, "OPENINFERENCE_HIDE_OUTPUTS"),
        )


def _require(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise BadSettings(
            f"{name} is empty. Inside compose the gateway's apps: section sets it; elsewhere run:"
            ' eval "$(gatewayctl env --format shell)"'
        )
    return value


def _add_version(url: str) -> str:
    """Append ``/v1``, which the OpenAI SDK expects in the address."""
    url = url.rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def _read_positive(environ: Mapping[str, str], name: str, default: str) -> float:
    text = environ.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 86_400:
        raise BadSettings(f"Invalid {name} {text!r}: expected a number from 1 to 86400.")
    return number


def _traces_url(environ: Mapping[str, str]) -> str | None:
    """OpenTelemetry's own variables, then Phoenix's."""
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if endpoint:
        return endpoint
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get("PHOENIX_COLLECTOR_ENDPOINT")
    return f"{base.rstrip('/')}/v1/traces" if base else None


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() in {"1", "true", "yes"}
