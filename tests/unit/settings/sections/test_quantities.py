from __future__ import annotations

from decimal import Decimal

import pytest

from gatewayctl.settings.sections.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("2", "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("500m", "0.5"),
        ("100n", "0.0000001"),
        ("2k", "2000"),
        ("1G", "1000000000"),
        ("1Ki", "1024"),
        ("10Gi", "10737418240"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1000000000000000000"),
    ],
)
def test_a_quantity_is_a_number_with_a_suffix(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "m", "10 Gi", "10GB", "4Gb", "10gi", "-1", "1_000"])
def test_anything_else_is_none(text: str) -> None:
    assert parse_quantity(text) is None
