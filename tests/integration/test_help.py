"""The command line of the contract, and its help."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.syntax.reference import iterate_commands
from tests.golden.json_shapes import REPORTS

GLOBAL = {
    *("-C", "--project-dir", "--runtime", "--lock-timeout"),
    *("-q", "--quiet", "-v", "--verbose", "--json", "--version"),
}
CONTRACT: dict[str, set[str]] = {
    "init": {"--openai-api-key-stdin", "--force"},
    "render": {"--check", "--diff"},
    "up": {"--timeout", "--no-keys", "--pull"},
    "down": {"--volumes", "--yes"},
    "status": {"--env"},
    "restart": {"SERVICES"},
    "logs": {"SERVICES", "-f", "--tail", "--since"},
    "ui": {"PAGE", "--print"},
    "keys create": {"ALIAS", "--env", "--model", "--metadata", "--duration", "--show"},
    "keys list": set(),
    "keys show": {"ALIAS"},
    "keys check": set(),
    "keys rotate": {"ALIAS"},
    "keys revoke": {"ALIAS", "--yes"},
    "chat": {
        *("PROMPT", "--component", "--operation", "--model", "--system", "--metadata"),
        *("--key-env", "--no-stream"),
    },
    "env": {"--format", "--for"},
    "models list": {"--check"},
    "backup": {"FILE"},
    "restore": {"FILE", "--yes"},
    "reset": {"--yes", "--no-backup", "--keep-keys", "--all"},
    "demo": set(),
    "audit": {"--tail"},
    "plan": set(),
    "upgrade": {"--to", "--no-backup", "--timeout"},
    "rollback": {"--yes", "--no-backup", "--timeout"},
}
"""Every command of the contract, with the options and arguments it must have."""


ROOT: Any = typer.main.get_command(app)
COMMANDS = dict(iterate_commands(ROOT))
PAGES = {
    "": ROOT,
    **{name: each for name, each in ROOT.commands.items() if hasattr(each, "commands")},
    **COMMANDS,
}
"""Everything that has a help of its own: the program, its groups, its commands."""


def spellings(command: Any) -> set[str]:
    """The options of a command, and its arguments in capitals."""
    return {
        word.upper() if parameter.param_type_name == "argument" else word
        for parameter in command.params
        for word in (*parameter.opts, *parameter.secondary_opts)
    }


@pytest.mark.parametrize("name", CONTRACT)
def test_every_command_has_the_options_of_the_contract(name: str) -> None:
    assert spellings(COMMANDS[name]) >= CONTRACT[name]


def test_the_json_shape_of_every_command_is_frozen() -> None:
    assert set(REPORTS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_answer_in_json(name: str) -> None:
    json_options = [option for option in COMMANDS[name].params if "--json" in option.opts]

    assert [option.envvar for option in json_options] == ["GATEWAYCTL_JSON"]


SECRETIVE = ("key", "password", "secret", "token")
NAMES_ONLY = {"--key", "--key-env"}
"""Options about keys whose value is a name."""


@pytest.mark.parametrize("name", COMMANDS)
def test_no_option_takes_a_secret_as_its_value(name: str) -> None:
    for option in COMMANDS[name].params:
        if option.param_type_name == "option" and not option.is_flag:
            about = [word for word in option.opts if any(part in word for part in SECRETIVE)]
            assert set(about) <= NAMES_ONLY


def test_the_global_options_of_the_contract_exist() -> None:
    assert spellings(ROOT) >= GLOBAL


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    for flag in ("--help", "-h"):
        result = CliRunner().invoke(app, [*name.split(), flag])

        assert result.exit_code == 0
        assert f"Usage: gatewayctl {name}" in result.stdout
        assert result.stderr == ""
    for option in COMMANDS[name].params:
        assert option.help, f"{option.name} of {name} has no help"
    assert "Global options can be given here too" in result.stdout


@pytest.mark.parametrize("name", PAGES)
def test_no_help_text_is_lost_as_markup(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400"}).stdout

    page = PAGES[name]
    texts = [page.help, *(option.help for option in page.params if not option.hidden)]
    assert [text for text in texts if text not in shown] == []


@pytest.mark.parametrize("name", PAGES)
def test_values_are_named_after_what_they_are_and_not_after_a_type(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400"}).stdout

    unnamed = [each.name for each in PAGES[name].params if not (each.metavar or _is_flag(each))]
    assert unnamed == []
    assert re.findall(r"<.*?>", shown) == []


def _is_flag(parameter: Any) -> bool:
    return bool(getattr(parameter, "is_flag", False))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_line_of_every_command_is_a_sentence(name: str) -> None:
    sentence = COMMANDS[name].help.strip().splitlines()[0]

    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) < 80


def test_the_help_lists_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])

    assert result.exit_code == 0
    for name in COMMANDS:
        assert f" {name.split()[0]} " in result.stdout


def test_the_help_is_printed_without_a_command() -> None:
    result = CliRunner().invoke(app, [])

    assert result.exit_code == 2
    assert "Usage: gatewayctl" in result.output


def test_a_misspelled_command_gets_a_suggestion() -> None:
    result = CliRunner().invoke(app, ["statsu"])

    assert result.exit_code == 2
    assert "Did you mean 'status'" in result.stderr


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"gatewayctl {version('gatewayctl')}\n")
