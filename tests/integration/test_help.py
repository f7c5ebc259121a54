"""The command line as the contract spells it, and its help."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.reference import iterate_commands
from tests.golden.json_shapes import REPORTS

GLOBAL = {"-C", "--project-dir", "--runtime", "-q", "--quiet", "-v", "--verbose", "--version"}
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
"""Every command of the contract that exists today, with the words it must know."""


COMMANDS = dict(iterate_commands())


def words(command: Any) -> set[str]:
    """The options of a command, and its arguments in capitals."""
    return {
        word.upper() if parameter.param_type_name == "argument" else word
        for parameter in command.params
        for word in (*parameter.opts, *parameter.secondary_opts)
    }


@pytest.mark.parametrize("name", CONTRACT)
def test_every_command_of_the_contract_is_spelled_as_it_is_there(name: str) -> None:
    assert words(COMMANDS[name]) >= CONTRACT[name]


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


def test_the_global_options_are_those_of_the_contract() -> None:
    assert words(typer.main.get_command(app)) >= GLOBAL


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    for flag in ("--help", "-h"):
        result = CliRunner().invoke(app, [*name.split(), flag])

        assert result.exit_code == 0
        assert f"Usage: gatewayctl {name}" in result.stdout
        assert result.stderr == ""
    for option in COMMANDS[name].params:
        assert option.help, f"{option.name} of {name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_line_of_every_command_is_a_sentence(name: str) -> None:
    sentence = COMMANDS[name].help.strip().splitlines()[0]

    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) < 80


def test_the_help_names_every_command_of_the_top() -> None:
    result = CliRunner().invoke(app, ["--help"])

    assert result.exit_code == 0
    for name in COMMANDS:
        assert f" {name.split()[0]} " in result.stdout


def test_without_a_command_there_is_the_help() -> None:
    result = CliRunner().invoke(app, [])

    assert result.exit_code == 2
    assert "Usage: gatewayctl" in result.output


def test_a_command_that_is_nearly_right_is_guessed() -> None:
    result = CliRunner().invoke(app, ["statsu"])

    assert result.exit_code == 2
    assert "Did you mean 'status'" in result.stderr


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"gatewayctl {version('gatewayctl')}\n")
