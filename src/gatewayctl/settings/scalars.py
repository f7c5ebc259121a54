"""Scalar settings: convert the value of a layer to the type of its setting.

Owns the conversion by kind. Which settings exist is the table in fields.py; must not
know models, keys, components and apps.
"""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gatewayctl.settings import fields, image
from gatewayctl.settings.fields import Field, Kind
from gatewayctl.settings.model import DEFAULT_SOURCE, LOOPBACK, Source
from gatewayctl.settings.problems import Problems, quote, suggest
from gatewayctl.settings.sections.external import explain_invalid_url
from gatewayctl.settings.sources import Layers

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9\-]{0,62}")
_MAX: Final[Mapping[Kind, int]] = {"port": 65535, "optional_port": 65535, "count": 256}


def read_scalars(
    layers: Layers, folder: str, problems: Problems
) -> tuple[dict[str, Any], dict[str, Source]]:
    """Read every scalar setting by dotted name, and the sources of those that are not defaults.

    ``folder`` is the name of the project's folder, from which the project gets its name.
    """
    values: dict[str, Any] = {}
    origins: dict[str, Source] = {}
    for field in fields.SCALARS:
        values[field.name] = slug(folder) if field.kind == "name" else field.default
        found = layers.find(field)
        if found is None:
            continue
        value = found.value.strip() if isinstance(found.value, str) else found.value
        try:
            values[field.name] = _CONVERTERS[field.kind](field, value)
            origins[field.name] = found.source
        except _InvalidValue as error:
            problems.add(found.source, f"{field.name} {error}")
    _check_ports(values, origins, problems)
    return values, origins


def slug(folder: str) -> str:
    """A folder's name as a project name: ``My Gateway (2)`` becomes ``my-gateway-2``."""
    ascii_only = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:63].strip("-") or "gateway"


def port_number(value: Any) -> int | None:
    """A port from 1 to 65535, also written as a string; None for anything else."""
    return _number(value, _MAX["port"])


class _InvalidValue(Exception):
    """What is wrong with a value, as the end of a sentence that starts with the setting."""


def _name(field: Field, value: Any) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise _InvalidValue(
        f"must contain only lower-case letters, digits and hyphens, not {quote(value)}"
        f" (did you mean '{slug(str(value))}'?)"
    )


def _choice(field: Field, value: Any) -> str:
    if value in field.choices:
        return str(value)
    near = f" {suggest(value, field.choices)}" if isinstance(value, str) else ""
    raise _InvalidValue(
        f"must be one of {', '.join(field.choices)}, not {quote(value)}"
        + (near if "did you mean" in near else "")
    )


def _address(field: Field, value: Any) -> str:
    # ip_address() would read a number as an address.
    if isinstance(value, str):
        try:
            return LOOPBACK if value == "localhost" else str(ipaddress.ip_address(value))
        except ValueError:
            pass
    raise _InvalidValue(f"must be an IP address such as 127.0.0.1, not {quote(value)}")


def _integer(field: Field, value: Any) -> int:
    maximum = _MAX[field.kind]
    number = _number(value, maximum)
    if number is None:
        kind = "port" if field.kind == "port" else "number"
        raise _InvalidValue(f"must be a {kind} from 1 to {maximum}, not {quote(value)}")
    return number


def _optional_port(field: Field, value: Any) -> int | None:
    if value == fields.NO_PORT:
        return None
    if number := _number(value, _MAX[field.kind]):
        return number
    raise _InvalidValue(
        f"must be a port from 1 to {_MAX[field.kind]}, or {fields.NO_PORT}, not {quote(value)}"
    )


def _seconds(field: Field, value: Any) -> float:
    """A number, also written as a string in the environment; booleans are refused."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if 0 <= number < math.inf:
        return number
    raise _InvalidValue(f"must be a non-negative number of seconds, not {quote(value)}")


def _image(field: Field, value: Any) -> str:
    if why := image.explain_invalid(value) or image.explain_unpinned(value):
        raise _InvalidValue(f"{why}; the default is {field.default}")
    return str(value)


def _registry(field: Field, value: Any) -> str:
    trimmed = value.removesuffix("/") if isinstance(value, str) else value
    if why := image.explain_invalid_registry(trimmed):
        raise _InvalidValue(why)
    return str(trimmed)


def _file(field: Field, value: Any) -> str:
    try:
        if isinstance(value, str) and value and value.isprintable():
            return str(Path(value).expanduser())
    except RuntimeError:
        pass  # There is no such user.
    raise _InvalidValue(f"must be the path of a file, not {quote(value)}")


def _url(field: Field, value: Any) -> str:
    if why := explain_invalid_url(value):
        raise _InvalidValue(why)
    return str(value).rstrip("/")


_CONVERTERS: Final[Mapping[Kind, Callable[[Field, Any], Any]]] = {
    "name": _name,
    "choice": _choice,
    "address": _address,
    "count": _integer,
    "port": _integer,
    "optional_port": _optional_port,
    "seconds": _seconds,
    "image": _image,
    "registry": _registry,
    "file": _file,
    "url": _url,
}


def _number(value: Any, maximum: int) -> int | None:
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5
    number = int(value) if digits else value
    is_number = isinstance(number, int) and not isinstance(number, bool)
    return number if is_number and 1 <= number <= maximum else None


def _check_ports(
    values: Mapping[str, Any], origins: Mapping[str, Source], problems: Problems
) -> None:
    """Report each port that two services would listen on, where it was set."""
    owners: dict[int, str] = {}
    for name, port in values.items():
        if not name.startswith("ports.") or port is None:
            continue
        owner = owners.setdefault(port, name)
        if owner != name:
            place = origins.get(name) or origins.get(owner, DEFAULT_SOURCE)
            problems.add(place, f"port {port} is used twice: {owner} and {name}")
