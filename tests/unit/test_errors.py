from __future__ import annotations

import re
from collections.abc import Iterator

from gatewayctl import errors
from gatewayctl.errors import GatewayctlError, Problem, SettingsInvalid

CONTRACT = {
    "UsageProblem": 2,
    "SettingsProblem": 3,
    "RuntimeProblem": 4,
    "Unreachable": 5,
    "Refused": 6,
    "NotVerified": 7,
    "Drift": 8,
    "Interrupted": 130,
}
"""The exit code of each family, as scripts may rely on it."""


def descendants(kind: type[GatewayctlError]) -> Iterator[type[GatewayctlError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


CLASSES: list[type[GatewayctlError]] = [
    GatewayctlError,
    *(c for c in descendants(GatewayctlError) if c.__module__.startswith(f"{errors.__name__}.")),
]


def drawn() -> Iterator[tuple[str, str, int | None]]:
    """Class, parent and exit code of each line of the tree in the module's docstring."""
    above: list[str] = []
    for line in str(errors.__doc__).splitlines():
        found = re.match(
            r"    ((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+)(?: \((\d+)\))?(?: {2,}.*)?$", line
        )
        if found is None:
            continue
        depth = len(found[1]) // 4
        above[depth:] = [found[2]]
        parent = above[depth - 1] if depth else "Exception"
        yield found[2], parent, int(found[3]) if found[3] else None


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    real = {(kind.__name__, kind.__bases__[0].__name__) for kind in CLASSES}

    assert {(name, parent) for name, parent, _ in drawn()} == real


def test_the_exit_codes_in_the_docstring_are_those_of_the_classes() -> None:
    for name, _, code in drawn():
        if code is not None:
            assert getattr(errors, name).exit_code == code


def test_every_code_is_unique_and_can_be_matched_by_a_script() -> None:
    codes = [kind.code for kind in CLASSES]

    assert sorted(set(codes)) == sorted(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_every_failure_has_the_exit_code_of_its_family() -> None:
    for kind in CLASSES:
        families = {
            CONTRACT[parent.__name__] for parent in kind.__mro__ if parent.__name__ in CONTRACT
        }

        assert kind.exit_code == (families.pop() if families else 1), kind
        assert families == set(), kind


def test_every_failure_says_what_it_means_and_what_to_do() -> None:
    for kind in CLASSES:
        error = kind("It went wrong.")

        assert kind.__doc__, kind
        assert error.hint == kind.remedy, kind
        assert kind.remedy[0].isupper(), kind
        assert kind.remedy.endswith("."), kind
        assert str(error) == error.message == "It went wrong."


def test_a_hint_of_the_raise_wins_over_the_remedy() -> None:
    assert [kind for kind in CLASSES if kind("x", hint="do this").hint != "do this"] == []


def test_a_name_for_each_code_is_given_by_the_class_itself() -> None:
    inherited = [kind.__name__ for kind in CLASSES if "code" not in vars(kind)]

    assert inherited == []


def test_the_problems_of_settings_are_one_message_and_kept_apart() -> None:
    problems = (
        Problem(source="gateway.yaml line 1 column 2", message="unknown setting"),
        Problem(source=".env line 3", message="not a line"),
    )

    error = SettingsInvalid(problems=problems)

    assert error.message == "gateway.yaml line 1 column 2: unknown setting\n.env line 3: not a line"
    assert error.problems == problems
