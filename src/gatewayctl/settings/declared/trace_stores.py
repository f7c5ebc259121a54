"""What is traced and where it goes: the own Phoenix, and trace stores that others run.

Owns the shape of ``tracing:``, the addresses of a store and the headers of its requests. Must not
know how spans are sent, nor which service sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from gatewayctl.settings.model import Secret

StoreKind = Literal["phoenix", "otlp"]
SpanDetail = Literal["all", "requests", "calls"]

TRACES_PATH: Final = "/v1/traces"
PROJECT_HEADER: Final = "x-project-name"
"""Phoenix (from 15.5) puts spans into this project, whatever their resource says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStore:
    """A service that takes spans as OTLP over HTTP.

    Only one of kind ``phoenix`` can be asked for the spans it has. ``endpoint`` has no path of
    OTLP. ``headers_env`` is the variable with headers as ``name=value,name=value``, values
    percent-encoded as in OTEL_EXPORTER_OTLP_HEADERS; ``api_key_env`` the one with an API key.
    """

    name: str
    kind: StoreKind
    endpoint: str
    project: str
    headers_env: str | None = None
    api_key_env: str | None = None
    is_own: bool = False

    @property
    def traces_url(self) -> str:
        """Where spans are sent."""
        return f"{self.endpoint}{TRACES_PATH}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables with its credentials."""
        return tuple(name for name in (self.headers_env, self.api_key_env) if name)

    def headers(self, environment: Mapping[str, Secret]) -> dict[str, str]:
        """The headers of every request, with credentials; those of unset variables are left out."""
        found = {PROJECT_HEADER: self.project} if self.kind == "phoenix" else {}
        if headers := environment.get(self.headers_env or ""):
            found |= parse_headers(headers.reveal())
        if api_key := environment.get(self.api_key_env or ""):
            found["authorization"] = f"Bearer {api_key.reveal()}"
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceContents:
    """What is sent of each request: from which share of them, which spans, and with their text?

    ``sample`` is from 0 to 1; ``spans`` is None where the profile chooses.
    """

    sample: float = 1.0
    spans: SpanDetail | None = None
    messages: bool = True

    def choose_spans(self, profile: str) -> SpanDetail:
        """The spans that are sent in a profile."""
        return self.spans or ("calls" if profile == "production" else "requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """The declared trace stores. ``own``: the project runs a Phoenix and its database.

    ``declared`` is False where ``tracing:`` names no store: then there is the own Phoenix.
    """

    own: bool = True
    stores: tuple[TraceStore, ...] = ()
    declared: bool = False
    contents: TraceContents = TraceContents()


def parse_headers(text: str) -> dict[str, str]:
    """Read ``name=value,name=value``. Raises ValueError, whose message contains no value."""
    found: dict[str, str] = {}
    for number, part in enumerate(text.split(","), start=1):
        name, separator, value = part.strip().partition("=")
        if not part.strip():
            continue
        plain = unquote(value.strip())
        # A quotation mark or a backslash would end the JSON that a compose file makes of it.
        if not separator or not name.strip().isascii() or not name.strip():
            raise ValueError(f"part {number} is not name=value")
        if not plain.isprintable() or not plain.isascii() or set(plain) & set('"\\'):
            raise ValueError(f"the value of part {number} contains a character no header can hold")
        found[name.strip().lower()] = plain
    return found


def format_headers(headers: Mapping[str, str]) -> str:
    """Write headers as ``name=value,name=value``, values percent-encoded."""
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in headers.items())
