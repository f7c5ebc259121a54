"""The HTTP client of LiteLLM: sends requests, turns failures into errors.

Owns what a failure of transport, an error answer or an answer of another shape means. Must not
know any endpoint: keys, models and chat have files of their own.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from gatewayctl import transport
from gatewayctl.errors import (
    GatewayctlError,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    MasterKeyRefused,
    SettingsProblem,
    UpstreamUnreachable,
)
from gatewayctl.gateway import refusals
from gatewayctl.gateway.refusals import KeyRole
from gatewayctl.settings.model import Secret, Source
from gatewayctl.settings.overrides import advise_unset

CALL_ID: Final = "x-litellm-call-id"
MODEL_PATHS: Final = frozenset(
    {
        *("/v1/chat/completions", "/v1/completions", "/v1/responses"),
        *("/v1/embeddings", "/v1/rerank", "/v1/moderations"),
    }
)
MANAGEMENT_TIMEOUT: Final = httpx.Timeout(30, connect=5)
"""Seconds; creating a key takes LiteLLM well under one."""


class GatewayClient:
    """LiteLLM at one address. ``base_url`` has no path and no final slash.

    ``master_source`` is named where LiteLLM refuses the master key.
    """

    def __init__(
        self, http: httpx.Client, base_url: str, *, master_source: Source | None = None
    ) -> None:
        self.http = http
        self.base_url = base_url.rstrip("/")
        self._master_source = master_source

    def call(
        self,
        method: str,
        path: str,
        *,
        key: Secret,
        role: KeyRole,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        timeout: httpx.Timeout = MANAGEMENT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        none_if_absent: bool = False,
    ) -> Any:
        """Send a request and parse the JSON answer; None for a 404 if ``none_if_absent``.

        Raises GatewayUnreachable, GatewayTimeout, or a Refused that names the cause.
        """
        with self.open(
            method, path, key=key, role=role, json=json, params=params, timeout=timeout,
            headers=headers, none_if_absent=none_if_absent,
        ) as response:  # fmt: skip
            if response.status_code == 404:
                return None
            answer = transport.parse_json(transport.read_body(response, timeout))
        if answer is None:
            raise refusals.other_service(self.base_url, "does not answer in JSON")
        return answer

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        key: Secret,
        role: KeyRole,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        timeout: httpx.Timeout = MANAGEMENT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        none_if_absent: bool = False,
    ) -> Iterator[httpx.Response]:
        """Send a request; the block gets the answer unread, and may fail while reading it.

        Raises what `call` raises.
        """
        sent = {"Authorization": f"Bearer {key.reveal()}", **(headers or {})}
        if role == "master":
            self._refuse_clear_text()
            # A model call is in the spend logs, so it belongs into Phoenix too.
            if path not in MODEL_PATHS:
                sent.setdefault("traceparent", _unsampled_traceparent())
        with (
            self.translate_failures(timeout),
            self.http.stream(
                method,
                f"{self.base_url}{path}",
                json=json,
                params=params,
                # Whatever a key holds: LiteLLM refuses one that is none.
                headers=httpx.Headers(sent, encoding="utf-8"),
                timeout=timeout,
            ) as response,
        ):
            if not (none_if_absent and response.status_code == 404):
                self._raise_for_refusal(response, role, timeout)
            yield response

    @contextmanager
    def translate_failures(self, timeout: httpx.Timeout) -> Iterator[None]:
        """Turn transport failures into errors that contain the address, and no key."""
        try:
            with transport.translate_failures(timeout):
                yield
        except transport.TransportFailure as failure:
            raise self._error_for(failure) from None

    def _error_for(self, failure: transport.TransportFailure) -> GatewayctlError:
        url, detail = self.base_url, failure.detail
        if failure.kind == "timeout":
            return GatewayTimeout(f"LiteLLM at {url} did not answer in time ({detail}).")
        if failure.kind in {"invalid", "too_long"}:
            return refusals.other_service(url, f"sends an answer that cannot be read ({detail})")
        if failure.kind == "disconnected":
            return GatewayUnreachable(f"LiteLLM at {url} closed the connection ({detail}).")
        return GatewayUnreachable(f"LiteLLM does not answer at {url} ({detail}).")

    def _raise_for_refusal(
        self, response: httpx.Response, role: KeyRole, timeout: httpx.Timeout
    ) -> None:
        if response.is_success:
            return
        if response.has_redirect_location:
            raise refusals.other_service(self.base_url, "redirects, which is never followed")
        body = transport.read_body(response, timeout)
        refusal = refusals.parse_refusal(response.status_code, body)
        raise self.translate_refusal(refusal, role, response)

    def translate_refusal(
        self, refusal: refusals.Refusal, role: KeyRole, response: httpx.Response
    ) -> GatewayctlError:
        """The error for a refusal in an answer, with LiteLLM's id of the call where it helps."""
        error = refusals.translate_refusal(refusal, role=role, address=self.base_url)
        if isinstance(error, UpstreamUnreachable):
            error.call_id = response.headers.get(CALL_ID)
        if isinstance(error, MasterKeyRefused) and (source := self._master_source) is not None:
            error.message += f" Its value is from {source}."
            if source.is_environment:
                error.hint = f"{advise_unset('LITELLM_MASTER_KEY')} To use this value: {error.hint}"
        return error

    @contextmanager
    def expecting(self, what: str) -> Iterator[None]:
        """Turn failures of the block, which only parses an answer, into `unexpected_answer`."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise self.unexpected_answer(what) from None

    def unexpected_answer(self, what: str) -> GatewayRefused:
        """The error for an answer that lacks ``what`` LiteLLM 1.106.2 sends."""
        return GatewayRefused(f"LiteLLM at {self.base_url} answered without {what}.")

    def _refuse_clear_text(self) -> None:
        """Raise SettingsProblem if the master key would leave this machine without TLS."""
        url = httpx.URL(self.base_url)
        if url.scheme == "http" and not _is_this_machine(url.host):
            raise SettingsProblem(
                f"LITELLM_MASTER_KEY would be sent in clear text to {url.host}.",
                hint="In gateway.yaml, set bind: to an address of this machine, or external.url to"
                " one with https://.",
            )


def rows_of(answer: Any, name: str) -> list[Any]:
    """The list in an answer; raises what `GatewayClient.expecting` translates if it has none."""
    rows = answer[name]
    if not isinstance(rows, list):
        raise TypeError(name)
    return rows


def _unsampled_traceparent() -> str:
    """A W3C trace context that asks for no spans.

    Spans of gatewayctl's own management calls would hide the model calls in Phoenix.
    """
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def _is_this_machine(host: str) -> bool:
    """True for an address that a socket of this machine can be bound to."""
    if host in {"localhost", "127.0.0.1", "::1"}:
        return True
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
