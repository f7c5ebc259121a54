"""``kubernetes.ingress`` of gateway.yaml: how callers outside the cluster reach the services.

Owns its reading. Must not know the objects that are made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.kubernetes import Ingress
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.problems import quote
from gatewayctl.settings.sections.cluster_values import (
    LABEL,
    SUBDOMAIN,
    read_name,
    read_subdomain,
)

SETTINGS: Final = {
    "host": Setting("host", "required", "Host of LiteLLM."),
    "phoenix_host": Setting(
        "host", "", "Host of Phoenix, which has no login: protect it with annotations."
    ),
    "class": Setting("string", "that of the cluster", "IngressClass."),
    "tls_secret": Setting("string", "", "Secret of type kubernetes.io/tls for the hosts."),
    "gateway": Setting(
        "string", "", "Gateway, or NAMESPACE/NAME: an HTTPRoute of the Gateway API, no Ingress."
    ),
    "annotations": Setting("mapping", "", "Annotations of the Ingress or HTTPRoute."),
}
_ANNOTATION: Final = re.compile(
    rf"({SUBDOMAIN.pattern}/)?[A-Za-z0-9]([A-Za-z0-9._\-]{{0,61}}[A-Za-z0-9])?"
)


def parse_ingress(section: Cursor) -> Ingress | None:
    """Read the section; a string alone is the host."""
    if not section.is_set:
        return None
    section = section.expand(str, "host")
    section.check_names(SETTINGS)
    if isinstance(section.value, dict) and not section.child("host").is_set:
        section.add_at_name(f"{section.path} needs host:, the host of LiteLLM")
    gateway = section.child("gateway")
    for other in ("class", "tls_secret"):
        if gateway.is_set and section.child(other).is_set:
            section.child(other).add_at_name(
                f"{section.path} has both gateway and {other}: the Gateway has the certificate"
                if other == "tls_secret"
                else f"{section.path} has both gateway and {other}: keep one"
            )
    host, phoenix = _host(section.child("host")), _host(section.child("phoenix_host"))
    if host is not None and host == phoenix:
        section.child("phoenix_host").add(f"{section.path}: both hosts are {host}")
    return Ingress(
        host=host or "",
        phoenix_host=phoenix,
        class_name=read_subdomain(section.child("class")),
        tls_secret=read_subdomain(section.child("tls_secret")),
        gateway=_gateway(gateway),
        annotations=_annotations(section.child("annotations")),
    )


def _host(given: Cursor) -> str | None:
    return read_name(given, SUBDOMAIN, "a host, such as llm.example.com")


def _gateway(given: Cursor) -> str | None:
    kind = re.compile(rf"({LABEL.pattern}/)?{SUBDOMAIN.pattern}")
    return read_name(given, kind, "the name of a Gateway, or NAMESPACE/NAME")


def _annotations(section: Cursor) -> Mapping[str, str]:
    found = {}
    for name, part in section.mapping().items():
        if not _ANNOTATION.fullmatch(name):
            part.add_at_name(f"{section.path}: {quote(name)} is not the name of an annotation")
        value = part.value
        if isinstance(value, bool):
            value = str(value).lower()
        if not isinstance(value, str | int | float):
            part.refuse("a string")
        elif looks_like_a_secret(str(value)):
            part.add(f"{part.path} contains a secret: annotations are readable for everybody")
        else:
            found[name] = str(value)
    return MappingProxyType(found)
