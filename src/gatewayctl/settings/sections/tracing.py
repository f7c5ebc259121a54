"""The ``tracing:`` of gateway.yaml: where the spans of the gateway and of the command line go.

Owns the reading of one section, and how the kind of a store is recognized. Must not know how spans
are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast, get_args
from urllib.parse import urlsplit

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.trace_stores import (
    TRACES_PATH,
    StoreKind,
    TraceStore,
    Tracing,
    parse_headers,
)
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.model import PHOENIX_PROJECT, Secret
from gatewayctl.settings.plain_secrets import refuse_stack_secret
from gatewayctl.settings.sections import trace_contents

SETTINGS: Final = {
    "endpoint": Setting(
        "URL", "required", "Address of a Phoenix, or of any service that takes OTLP over HTTP."
    ),
    "kind": Setting(
        "phoenix or otlp",
        "recognized",
        "Only a Phoenix can be asked for its traces. Default: phoenix for port 6006 and for hosts"
        " named phoenix, else otlp.",
    ),
    "project": Setting("string", PHOENIX_PROJECT, "Project in Phoenix."),
    "api_key_env": Setting(
        "environment variable", "", "Variable in .env with the API key of the store."
    ),
    "headers_env": Setting(
        "environment variable",
        "",
        "Variable in .env with headers: name=value,name=value, as in OTEL_EXPORTER_OTLP_HEADERS.",
    ),
    "insecure": Setting(
        "true or false", "false", "No TLS, for an endpoint without http:// or https://."
    ),
}
OWN: Final = "phoenix"
"""The project's own Phoenix, in a list or as a name without settings."""
OFF: Final = "none"
_GRPC_PORT: Final = 4317
_PHOENIX_PORT: Final = 6006
_PHOENIX_HOST: Final = re.compile(r"(^|[.\-])phoenix([.\-]|$)|(^|\.)arize\.com$")


def parse_tracing(section: Cursor) -> Tracing:
    """Read what is traced, and the declared stores; without any there is the own Phoenix."""
    contents = trace_contents.parse_contents(section)
    if section.value in (OFF, False):
        return Tracing(own=False, declared=True)
    entries = _entries(section)
    if not entries:
        return Tracing(contents=contents)
    own = [entry for entry in entries if _is_own(entry)]
    stores = [_store(entry) for entry in entries if not _is_own(entry)]
    read = tuple(store for store in stores if store is not None)
    _check_unique(section, [entry for entry in entries if not _is_own(entry)], stores)
    return Tracing(own=bool(own), stores=read, declared=True, contents=contents)


def check_tracing(tracing: Tracing, section: Cursor, environment: Mapping[str, Secret]) -> None:
    """Report headers that cannot be read, without their values."""
    for store in tracing.stores:
        headers = environment.get(store.headers_env or "")
        try:
            parse_headers("" if headers is None else headers.reveal())
        except ValueError as error:
            section.add(f"{store.headers_env}, the headers of {store.name}: {error}")


def _entries(section: Cursor) -> list[Cursor]:
    """One cursor a store: a list, stores by name, or one store alone."""
    if isinstance(section.value, dict):
        parts = {
            name: node
            for name, node in section.value.items()
            if name not in trace_contents.SETTINGS
        }
        if not set(parts) & set(SETTINGS):
            return list(section.with_parts(parts).parts())
        section = section.with_parts(parts)
    return list(section.items())


def _is_own(entry: Cursor) -> bool:
    return entry.value == OWN or (entry.name == OWN and not entry.is_set)


def _store(entry: Cursor) -> TraceStore | None:
    # A string alone is the endpoint.
    entry = entry.expand(str, "endpoint")
    entry.check_names(SETTINGS)
    given = entry.child("endpoint")
    if not given.is_given and isinstance(entry.value, dict | None):
        entry.add_at_name(
            f"{entry.path} needs endpoint:, the address of the trace store"
            f" (or {OFF} for no traces, {OWN} for the project's own Phoenix)"
        )
    endpoint = _endpoint(given, insecure=_insecure(entry.child("insecure")))
    kind = _kind(entry.child("kind"), endpoint or "")
    project = entry.child("project")
    api_key, headers = _variable(entry.child("api_key_env")), _variable(entry.child("headers_env"))
    if endpoint is None:
        return None
    named = entry.path.startswith("tracing.") and entry.name
    return TraceStore(
        name=entry.name if named else urlsplit(endpoint).netloc,
        kind=kind,
        endpoint=endpoint,
        project=_project(project),
        headers_env=headers,
        api_key_env=api_key,
    )


def _project(given: Cursor) -> str:
    name = (given.string() or "") if given.is_given else PHOENIX_PROJECT
    # It is sent as a header.
    if not name.isascii() or not name.isprintable():
        given.refuse("printable ASCII characters")
    return name


def _insecure(given: Cursor) -> bool:
    if given.is_given and not isinstance(given.value, bool):
        given.refuse("true or false")
    return given.value is True


def _endpoint(given: Cursor, *, insecure: bool) -> str | None:
    """The URL without the path of OTLP; reports one that cannot be used."""
    text = given.string()
    if text is None:
        return None
    full = text.strip() if "://" in text else f"http{'' if insecure else 's'}://{text.strip()}"
    full = full.rstrip("/").removesuffix(TRACES_PATH)
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError:
        given.refuse("a URL")
        return None
    if parts.scheme == "grpc" or (port == _GRPC_PORT and parts.path in {"", "/"}):
        given.add(
            f"{given.path}: traces are sent over HTTP, not gRPC: name the port for OTLP over HTTP,"
            " usually 4318 (Phoenix: 6006)"
        )
    elif parts.scheme not in {"http", "https"} or not parts.hostname:
        given.refuse("a URL, such as https://phoenix.example.com")
    elif parts.username or parts.password or parts.query or parts.fragment:
        given.add(
            f"{given.path} must contain no credentials and no parameters: put them into .env, and"
            " name the variable with api_key_env: or headers_env:"
        )
    elif insecure and parts.scheme == "https":
        given.add(
            f"{given.path} uses TLS, which insecure: turns off: write http://, or trust its"
            " certificate with ca_bundle:"
        )
    else:
        return full
    return None


def _kind(given: Cursor, endpoint: str) -> StoreKind:
    if given.is_given:
        if given.value in get_args(StoreKind):
            return cast("StoreKind", given.value)
        given.refuse(" or ".join(get_args(StoreKind)))
    parts = urlsplit(endpoint)
    phoenix = _PHOENIX_HOST.search(parts.hostname or "") or (
        endpoint and parts.port == _PHOENIX_PORT
    )
    return "phoenix" if phoenix else "otlp"


def _variable(given: Cursor) -> str | None:
    if not given.is_given:
        return None
    name = given.variable()
    if name is not None:
        refuse_stack_secret(given, name, reader="the trace store")
    return name


def _check_unique(section: Cursor, entries: list[Cursor], stores: list[TraceStore | None]) -> None:
    seen: set[tuple[str, str]] = set()
    for entry, store in zip(entries, stores, strict=True):
        if store is None:
            continue
        key = (store.endpoint, store.project)
        if key in seen:
            entry.add(f"{section.path}: {store.endpoint} is given twice")
        seen.add(key)
