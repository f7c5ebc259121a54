"""Scalar settings: from the words of a layer to checked values.

Owns the conversion by kind. Which settings there are is the table in fields.py; must not
know models, keys, components and apps.
"""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from gatewayctl.settings import fields, image
from gatewayctl.settings.fields import Field
from gatewayctl.settings.model import DEFAULT_SOURCE, Source
from gatewayctl.settings.problems import Problems, quote, suggest
from gatewayctl.settings.sources import Layers, SourcedValue

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")
_MOST: Final = 256


def read_scalars(
    layers: Layers, folder: str, problems: Problems
) -> tuple[dict[str, Any], dict[str, Source]]:
    """Every scalar setting by dotted name, and the source of those that are no defaults.

    ``folder`` is the name of the project's folder, the default of its name.
    """
    values: dict[str, Any] = {}
    origins: dict[str, Source] = {}
    for field in fields.SCALARS:
        values[field.name] = slug(folder) if field.kind == "name" else field.default
        found = layers.find(field)
        value = None if found is None else _converted(field, found, problems)
        if found is not None and value is not None:
            values[field.name] = value
            origins[field.name] = found.source
    _check_ports(values, origins, problems)
    return values, origins


def slug(folder: str) -> str:
    """A folder's name as a project name: ``My Gateway (2)`` becomes ``my-gateway-2``."""
    ascii_only = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:63].strip("-") or "gateway"


def _converted(field: Field, found: SourcedValue, problems: Problems) -> str | float | None:
    kinds = {
        "name": _name,
        "choice": _choice,
        "address": _address,
        "count": _count,
        "port": _port,
        "seconds": _seconds,
        "image": _image,
    }
    value = found.value.strip() if isinstance(found.value, str) else found.value
    return kinds[field.kind](field, value, found.source, problems)


def _name(field: Field, value: Any, source: Source, problems: Problems) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    problems.add(
        source,
        f"{field.name} may hold lower-case letters, digits and hyphens, not {quote(value)}"
        f" (did you mean '{slug(str(value))}'?)",
    )
    return None


def _choice(field: Field, value: Any, source: Source, problems: Problems) -> str | None:
    if value in field.choices:
        return str(value)
    problems.add(
        source,
        f"{field.name} must be one of {', '.join(field.choices)}, not {quote(value)}"
        + (f" {suggest(value, field.choices)}" if _is_near(value, field) else ""),
    )
    return None


def _is_near(value: Any, field: Field) -> bool:
    return isinstance(value, str) and "did you mean" in suggest(value, field.choices)


def _address(field: Field, value: Any, source: Source, problems: Problems) -> str | None:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else _no_address()
    except ValueError:
        if value == "localhost":
            return "127.0.0.1"
    problems.add(
        source, f"{field.name} must be an IP address such as 127.0.0.1, not {quote(value)}"
    )
    return None


def _no_address() -> str:
    # ip_address() would take a number for an address.
    raise ValueError


def port_number(value: Any) -> int | None:
    """A port from 1 to 65535, also written as text; None for anything else."""
    return _number(value, 65535)


def _number(value: Any, most: int) -> int | None:
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5
    number = int(value) if digits else value
    is_number = isinstance(number, int) and not isinstance(number, bool)
    return number if is_number and 1 <= number <= most else None


def _port(field: Field, value: Any, source: Source, problems: Problems) -> int | None:
    number = port_number(value)
    if number is None:
        problems.add(source, f"{field.name} must be a port from 1 to 65535, not {quote(value)}")
    return number


def _count(field: Field, value: Any, source: Source, problems: Problems) -> int | None:
    number = _number(value, _MOST)
    if number is None:
        problems.add(source, f"{field.name} must be a number from 1 to {_MOST}, not {quote(value)}")
    return number


def _seconds(field: Field, value: Any, source: Source, problems: Problems) -> float | None:
    """A text as the environment has it, or a number; a switch is none."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return number
    problems.add(source, f"{field.name} must be a number of seconds from 0, not {quote(value)}")
    return None


def _image(field: Field, value: Any, source: Source, problems: Problems) -> str | None:
    fault = image.fault(value) or image.unpinned(value)
    if not fault:
        return str(value)
    problems.add(source, f"{field.name} {fault}; the default is {field.default}")
    return None


def _check_ports(
    values: Mapping[str, Any], origins: Mapping[str, Source], problems: Problems
) -> None:
    """Note each port that two services would listen on, at the one that was chosen."""
    first: dict[int, str] = {}
    for name, port in values.items():
        if not name.startswith("ports."):
            continue
        other = first.setdefault(port, name)
        if other != name:
            place = origins.get(name) or origins.get(other, DEFAULT_SOURCE)
            problems.add(place, f"port {port} is used twice: {other} and {name}")
