from __future__ import annotations

import pytest

from gatewayctl.cli.options import parse_pairs
from gatewayctl.errors import UsageProblem


def test_pairs_become_a_mapping_split_at_the_first_equals_sign() -> None:
    assert parse_pairs(["team=a=b", "run="], option="--metadata") == {"team": "a=b", "run": ""}
    assert parse_pairs(None, option="--metadata") == {}


@pytest.mark.parametrize("texts", [["team"], ["=x"], [" =x"], ["a=1\n"], ["a=1", "a=2"]])
def test_anything_else_is_a_usage_error_that_names_the_option(texts: list[str]) -> None:
    with pytest.raises(UsageProblem, match="--metadata"):
        parse_pairs(texts, option="--metadata")
