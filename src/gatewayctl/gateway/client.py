"""The HTTP client of LiteLLM: sends requests, turns failures into errors.

Owns the translation of transport failures and error answers. Must not know any endpoint:
keys, models and chat have files of their own.
"""

from __future__ import annotations

import json as jsonlib
import secrets
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from gatewayctl.errors import (
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    SettingsProblem,
)
from gatewayctl.gateway import refusals
from gatewayctl.gateway.refusals import KeyRole
from gatewayctl.settings.masking import strip_keys
from gatewayctl.settings.model import Secret

MANAGEMENT_TIMEOUT: Final = httpx.Timeout(30, connect=5)
"""Seconds; creating a key takes LiteLLM well under one."""


def new_http_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Create the HTTP client of the process: no redirects, no proxies from the environment.

    Tests pass a ``transport``, such as ``httpx.MockTransport``.
    """
    # Only plain http to this machine is used: an empty trust store refuses every https
    # server, and saves each command the 20 ms of reading the system's certificates.
    no_trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(
        transport=transport or httpx.HTTPTransport(verify=no_trust, trust_env=False),
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "gatewayctl"},
    )


class GatewayClient:
    """LiteLLM at one address. ``base_url`` has no path and no final slash."""

    def __init__(self, http: httpx.Client, base_url: str) -> None:
        self.http = http
        self.base_url = base_url.rstrip("/")

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
        none_if_absent: bool = False,
    ) -> Any:
        """Send a request and parse the JSON answer; None for a 404 if ``none_if_absent``.

        Raises GatewayUnreachable, GatewayTimeout, or a Refused that names the cause.
        """
        with self.open(
            method, path, key=key, role=role, json=json, params=params, timeout=timeout,
            none_if_absent=none_if_absent,
        ) as response:  # fmt: skip
            if response.status_code == 404:
                return None
            return self._parse_json(response)

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
                self._raise_for_refusal(response, role)
            yield response

    @contextmanager
    def translate_failures(self, timeout: httpx.Timeout) -> Iterator[None]:
        """Turn transport failures into errors that contain the address, and no key."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise GatewayUnreachable(
                f"LiteLLM does not answer at {self.base_url} ({describe_failure(error)})."
            ) from None
        except httpx.TimeoutException:
            raise GatewayTimeout(
                f"LiteLLM at {self.base_url} did not answer within {timeout.read:g} s."
            ) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise GatewayUnreachable(
                f"LiteLLM at {self.base_url} closed the connection ({describe_failure(error)})."
            ) from None
        except httpx.InvalidURL as error:
            raise GatewayUnreachable(f"Invalid address {self.base_url} ({error}).") from None

    def _raise_for_refusal(self, response: httpx.Response, role: KeyRole) -> None:
        if response.is_success:
            return
        if response.has_redirect_location:
            raise refusals.other_service(self.base_url, "redirects, which is never followed")
        refusal = refusals.parse_refusal(response.status_code, response.read())
        raise refusals.translate_refusal(refusal, role=role, address=self.base_url)

    def _parse_json(self, response: httpx.Response) -> Any:
        try:
            return jsonlib.loads(response.read())
        except ValueError:
            raise refusals.other_service(self.base_url, "does not answer in JSON") from None

    def unexpected_answer(self, what: str) -> GatewayRefused:
        """The error for an answer that lacks ``what`` LiteLLM 1.106.2 sends."""
        return GatewayRefused(f"LiteLLM at {self.base_url} answered without {what}.")

    def _refuse_clear_text(self) -> None:
        """Raise SettingsProblem if the master key would leave this machine without TLS."""
        url = httpx.URL(self.base_url)
        if url.scheme == "http" and not _is_this_machine(url.host):
            raise SettingsProblem(
                f"LITELLM_MASTER_KEY would be sent in clear text to {url.host}.",
                hint="Set bind: in gateway.yaml to an address of this machine.",
            )


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


def describe_failure(error: Exception) -> str:
    """The message of the system, without the errno that httpx puts before it, and no key."""
    text = strip_keys(str(error)) or type(error).__name__
    return text.rpartition("] ")[2][:200]
