"""Quantities of Kubernetes: ``10Gi`` of storage, ``500m`` of a CPU.

Owns their syntax, that of apimachinery's resource.Quantity. Must not know what they are of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

_QUANTITY: Final = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<suffix>[numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,2})"
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0} | {
    name: 3 * power for power, name in enumerate("kMGTPE", start=1)
}
_BINARY: Final = {f"{name}i": 10 * power for power, name in enumerate("KMGTPE", start=1)}


def parse_quantity(text: str) -> Decimal | None:
    """The number that a quantity stands for; None for anything else, such as ``10 GB``."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    from decimal import Decimal

    number, suffix = Decimal(found["number"]), found["suffix"]
    if suffix in _BINARY:
        return number * Decimal(2) ** _BINARY[suffix]
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return number.scaleb(exponent)
