"""``kubernetes.storage`` and ``kubernetes.resources`` of gateway.yaml.

Owns their reading. Must not know the defaults of a profile: see rendering/kubernetes/resources.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.kubernetes import Storage
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.problems import suggest
from gatewayctl.settings.sections.cluster_values import SUBDOMAIN, read_subdomain
from gatewayctl.settings.sections.quantities import parse_quantity

SETTINGS: Final = {
    "class": Setting("string", "that of the cluster", "StorageClass of the volumes."),
    "postgres_litellm": Setting("quantity", Storage().postgres_litellm, "LiteLLM's database."),
    "postgres_phoenix": Setting("quantity", Storage().postgres_phoenix, "Phoenix's database."),
}
_RESOURCE: Final = re.compile(
    rf"cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9]+|{SUBDOMAIN.pattern}/[A-Za-z0-9._\-]+"
)


def parse_storage(section: Cursor) -> Storage:
    """Read the volumes of the databases."""
    section.check_names(SETTINGS)
    usual = Storage()
    return Storage(
        storage_class=read_subdomain(section.child("class")),
        postgres_litellm=_size(section.child("postgres_litellm"), usual.postgres_litellm),
        postgres_phoenix=_size(section.child("postgres_phoenix"), usual.postgres_phoenix),
    )


def _size(given: Cursor, usual: str) -> str:
    text = _quantity(given)
    number = None if text is None else parse_quantity(text)
    if text is None or number is None:
        return usual
    if number < 1 or number != int(number):
        given.refuse("a positive size, such as 10Gi")
    return text


def _quantity(given: Cursor) -> str | None:
    """Read a quantity; a number without a unit, too."""
    if not given.is_set:
        return None
    value = given.value
    text = str(value) if isinstance(value, str | int | float) else ""
    if isinstance(value, bool) or parse_quantity(text) is None:
        given.refuse("a quantity, such as 500m, 2, 512Mi or 10Gi")
        return None
    return text


def parse_resources(
    section: Cursor, services: Collection[str]
) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Read what services request, and their limits; ``services`` are those that can have them."""
    found = {}
    section.check_names(services)
    for name, service in section.mapping().items():
        service.check_names(("requests", "limits"))
        kinds = {kind: _amounts(part) for kind, part in service.mapping().items()}
        _check_limits(service, kinds)
        found[name] = MappingProxyType({kind: kinds[kind] for kind in kinds})
    return MappingProxyType(found)


def _amounts(section: Cursor) -> Mapping[str, str]:
    found = {}
    for name, part in section.mapping().items():
        if not _RESOURCE.fullmatch(name):
            known = ("cpu", "memory", "ephemeral-storage")
            part.add_at_name(f"unknown resource '{name}' in {section.path} {suggest(name, known)}")
        amount = _quantity(part)
        if amount is not None:
            found[name] = amount
    return MappingProxyType(found)


def _check_limits(service: Cursor, kinds: Mapping[str, Mapping[str, str]]) -> None:
    limits = kinds.get("limits", {})
    for name, requested in kinds.get("requests", {}).items():
        if name in limits and _exceeds(requested, limits[name]):
            service.child("requests").child(name).add(
                f"{service.path}.requests.{name} ({requested}) is above its limit ({limits[name]})"
            )


def _exceeds(requested: str, limit: str) -> bool:
    first, second = parse_quantity(requested), parse_quantity(limit)
    return first is not None and second is not None and first > second
