from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.runtimes.embedded.fingerprints import hash_program
from gatewayctl.runtimes.embedded.services import Program
from gatewayctl.settings.model import Secret

SALT = Secret("sk-salt-0123456789abcdef")


def program(
    argv: tuple[str, ...] = ("run", "it"), environment: Mapping[str, str] | None = None
) -> Program:
    return Program(
        service="litellm",
        argv=argv,
        environment={"KEY": "value"} if environment is None else environment,
        directory=Path("/"),
    )


def test_a_fingerprint_stays_the_same_while_nothing_changes() -> None:
    files = {"config.yaml": "a: 1\n"}

    assert hash_program(program(), SALT, files) == hash_program(program(), SALT, dict(files))


@pytest.mark.parametrize(
    ("other", "files", "part"),
    [
        (program(argv=("run", "that")), {"config.yaml": "a: 1\n"}, "command_line"),
        (program(argv=("run it",)), {"config.yaml": "a: 1\n"}, "command_line"),
        (program(environment={"KEY": "other"}), {"config.yaml": "a: 1\n"}, "KEY"),
        (program(environment={}), {"config.yaml": "a: 1\n"}, "KEY"),
        (program(), {"config.yaml": "a: 2\n"}, "config.yaml"),
        (program(), {}, "config.yaml"),
    ],
)
def test_a_fingerprint_changes_in_the_part_that_changed(
    other: Program, files: dict[str, str], part: str
) -> None:
    before = hash_program(program(), SALT, {"config.yaml": "a: 1\n"})
    after = hash_program(other, SALT, files)

    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {part}


def test_another_salt_changes_every_part_so_values_cannot_be_guessed_without_it() -> None:
    one, other = hash_program(program(), SALT, {}), hash_program(program(), Secret("other"), {})

    assert not set(one.values()) & set(other.values())


@given(st.dictionaries(st.text(), st.text()))
def test_a_fingerprint_does_not_reveal_its_input(environment: dict[str, str]) -> None:
    fingerprint = hash_program(program(environment=environment), SALT, {})
    reordered = program(environment=dict(reversed(environment.items())))

    assert all(len(value) == 64 and int(value, 16) >= 0 for value in fingerprint.values())
    assert fingerprint == hash_program(reordered, SALT, {})
