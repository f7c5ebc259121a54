from __future__ import annotations

from typing import Any

import pytest
import typer

from gatewayctl.cli.syntax.commands_on_demand import CommandsOnDemand


def one() -> None:
    """First."""


def two_words() -> None:
    """Second."""


def make() -> tuple[CommandsOnDemand, list[str]]:
    """The commands of an application, and the names of those that were built."""
    contents, group = typer.Typer(), typer.Typer(help="Third.")
    contents.add_typer(group, name="many")
    contents.command(rich_help_panel="PANEL")(one)
    contents.command()(two_words)
    group.command("first")(one)
    group.command("second")(two_words)
    built: list[str] = []
    return CommandsOnDemand(contents, lambda command: built.append(command.name)), built


def test_names_are_known_in_typers_order_and_nothing_is_built_for_them() -> None:
    commands, built = make()

    assert list(commands) == ["one", "two-words", "many"]
    assert len(commands) == 3
    assert "one" in commands
    assert "many" in commands
    assert "three" not in commands
    assert built == []


def test_only_the_command_that_is_asked_for_is_built_and_only_once() -> None:
    commands, built = make()

    command = commands.get("two-words")

    assert commands["two-words"] is command
    assert built == ["two-words"]


@pytest.mark.parametrize("name", ["one", "two-words", "many"])
def test_a_command_is_the_one_that_typer_would_build(name: str) -> None:
    commands, _ = make()
    contents: Any = typer.Typer()
    contents.command(rich_help_panel="PANEL")(one)
    contents.command()(two_words)
    contents.add_typer(typer.Typer(help="Third."), name="many")
    typers: Any = typer.main.get_command(contents)

    found, expected = commands[name], typers.commands[name]

    for attribute in ("name", "help", "rich_help_panel", "rich_markup_mode", "hidden"):
        assert getattr(found, attribute) == getattr(expected, attribute)
    assert type(found) is type(expected)


def test_a_group_has_its_commands() -> None:
    commands, _ = make()

    assert list(commands["many"].commands) == ["first", "second"]


def test_a_name_that_is_no_command_is_unknown() -> None:
    commands, _ = make()

    assert commands.get("three") is None
