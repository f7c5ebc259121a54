from __future__ import annotations

import re

from gatewayctl.cli.syntax.reference import render_page
from gatewayctl.errors import GatewayctlError


def all_failures(parent: type[GatewayctlError] = GatewayctlError) -> set[type[GatewayctlError]]:
    children = parent.__subclasses__()
    return {parent}.union(*(all_failures(child) for child in children))


def test_the_table_of_exit_codes_is_complete() -> None:
    table = render_page().partition("## Exit codes")[2]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}

    assert codes == {0} | {failure.exit_code for failure in all_failures()}
