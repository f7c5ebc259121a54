"""The options of the program, after the command as well as before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gatewayctl.cli.app import app
from gatewayctl.cli.context import App
from gatewayctl.cli.syntax.reference import iterate_commands
from tests.integration.stack_project import Project, document

ROOT: Any = typer.main.get_command(app)
COMMANDS = dict(iterate_commands(ROOT))
GROUPS = {name: each for name, each in ROOT.commands.items() if hasattr(each, "commands")}
AFTER = ("-C", "shop", "--runtime", "docker", "--lock-timeout", "7", "-q", "-v")


def parse(command: Any, *words: str) -> App:
    """Parse the words of a command, with what it requires, and run nothing."""
    context = ROOT.context_class(ROOT, info_name="gatewayctl", obj=App())
    required = [each for each in command.params if each.required]
    command.make_context("command", [*["x" for _ in required], *words], parent=context)
    parsed: App = context.obj
    parsed.close()
    return parsed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_accepts_the_global_options_after_it(name: str) -> None:
    parsed = parse(COMMANDS[name], *AFTER)

    assert parsed.project_dir == Path("shop").absolute()
    assert parsed.flags == {"runtime": "docker", "lock_timeout": 7}
    assert (parsed.quiet, parsed.verbose) == (True, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_without_them_keeps_what_was_given_before_it(name: str) -> None:
    parsed = parse(COMMANDS[name])

    assert (parsed.project_dir, parsed.flags) == (App().project_dir, {})
    assert (parsed.quiet, parsed.verbose) == (False, False)


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_accepts_them_between_its_name_and_the_command(name: str) -> None:
    context = ROOT.context_class(ROOT, info_name="gatewayctl", obj=App())
    GROUPS[name].make_context(name, [*AFTER, "list"], parent=context)

    context.obj.close()
    assert context.obj.flags == {"runtime": "docker", "lock_timeout": 7}


@pytest.mark.parametrize("command", [*COMMANDS.values(), *GROUPS.values()], ids=lambda c: c.name)
def test_no_option_has_two_meanings_in_one_command(command: Any) -> None:
    words = [word for option in command.params for word in option.opts]

    assert sorted(words) == sorted(set(words))


def test_the_option_after_the_command_wins(ready: Project, tmp_path: Path) -> None:
    result = ready.run("status", "-C", str(tmp_path / "none"))

    assert result.exit_code == 2
    assert "There is no folder" in result.stderr


def test_a_prompt_after_two_dashes_is_no_option(ready: Project) -> None:
    result = ready.run("chat", "--model", "demo", "--json", "--", "-q")

    assert document(result)["status"] == "success"


def test_quiet_after_the_command_drops_the_narration(ready: Project) -> None:
    loud, quiet = ready.run("up"), ready.run("up", "-q")

    assert loud.stderr
    assert (quiet.exit_code, quiet.stderr) == (0, "")


@pytest.mark.parametrize(
    "words", [["--json", "status"], ["status", "--json"], ["--json", "keys", "list"]], ids=" ".join
)
def test_json_is_accepted_before_the_command_too(ready: Project, words: list[str]) -> None:
    assert document(ready.run(*words))["command"] == " ".join(words).replace("--json", "").strip()


def test_an_unknown_runtime_after_the_command_is_refused_as_before_it(ready: Project) -> None:
    before, after = ready.run("--runtime", "podman", "up"), ready.run("up", "--runtime", "podman")

    assert (before.exit_code, after.exit_code) == (2, 2)
    assert "'podman' is not one of" in before.stderr
    assert "'podman' is not one of" in after.stderr


def test_the_version_is_printed_after_a_command_too(ready: Project) -> None:
    assert ready.run("up", "--version").stdout == ready.run("--version").stdout


OFFERED = {
    *("-C", "--project-dir", "--runtime", "--lock-timeout"),
    *("-q", "--quiet", "-v", "--verbose", "--version"),
}


@pytest.fixture
def complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., set[str]]:
    """What a shell offers for the last word, which is the beginning of one."""

    def ask(*words: str) -> set[str]:
        monkeypatch.setenv("_GATEWAYCTL_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(("gatewayctl", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit, match="0"):
            app([], prog_name="gatewayctl")
        return set(capsys.readouterr().out.splitlines())

    return ask


@pytest.mark.parametrize("name", ["up", "keys create", "logs", "keys", ""])
def test_a_shell_offers_them_after_a_command_too(
    name: str, complete: Callable[..., set[str]]
) -> None:
    words = name.split()
    own = ROOT if not words else COMMANDS.get(name) or GROUPS[name]
    visible = {word for each in own.params if not each.hidden for word in each.opts if "-" in word}

    offered = complete(*words, "-")

    assert offered >= visible | OFFERED
    assert ("--install-completion" in offered) is (name == "")


def test_a_shell_offers_their_values_after_a_command_too(complete: Callable[..., set[str]]) -> None:
    assert complete("up", "--runtime", "e") == {"embedded", "external"}


@pytest.mark.parametrize("words", [("--version", "keys", ""), ("keys", "--version", "")])
def test_nothing_is_run_while_a_shell_completes(
    words: tuple[str, ...], complete: Callable[..., set[str]]
) -> None:
    assert complete(*words) == set(GROUPS["keys"].commands)
