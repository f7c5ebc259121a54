from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from gatewayctl.cli.confirm import (
    confirm_by_name,
    confirm_context,
    confirm_new_project,
    confirm_new_secrets,
)
from gatewayctl.errors import ConfirmationRequired, ProjectMissing
from gatewayctl.runtimes.kubernetes.context import ChosenContext
from tests.fakes.terminals import Terminal


def confirm(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    confirm_by_name("shop", "every key", yes=False)


def test_with_yes_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    confirm_by_name("shop", "every key", yes=True)

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("typed", ["shop\n", "  shop \n"])
def test_typing_the_name_confirms(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    confirm(monkeypatch, typed)

    out, err = capsys.readouterr()
    assert out == "", "the question must not be part of a piped result"
    assert "This deletes every key." in err
    assert "(shop)" in err


@pytest.mark.parametrize("typed", ["\n", "yes\n", "y\n", "SHOP\n", "shop2\n"])
def test_any_other_answer_is_refused(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfirmationRequired, match="Nothing was changed") as refused:
        confirm(monkeypatch, typed)

    assert refused.value.exit_code == 2
    assert "--yes" in refused.value.hint


def test_the_end_of_input_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(typer.Abort):
        confirm(monkeypatch, "")


@pytest.mark.parametrize("stdin", [io.StringIO("shop\n"), None])
def test_without_a_terminal_confirmation_is_required(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)

    with pytest.raises(ConfirmationRequired, match="there is no terminal to confirm"):
        confirm_by_name("shop", "every key", yes=False)


@pytest.mark.parametrize("typed", ["y\n", " Yes \n"])
def test_a_new_project_is_created_with_the_user_s_consent(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))

    confirm_new_project(Path("/shop"), yes=False)

    out, err = capsys.readouterr()
    assert out == ""
    assert "There is no gateway project in /shop" in err


@pytest.mark.parametrize("typed", ["\n", "n\n", ""])
def test_without_consent_there_is_no_new_project(
    typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))

    with pytest.raises(ProjectMissing, match="No project was created"):
        confirm_new_project(Path("/shop"), yes=False)


STAGING = ChosenContext(context="staging", server="https://staging:6443", namespace="shop")
PRODUCTION = ChosenContext(context="production", server="https://prod:6443", namespace="shop")


@pytest.mark.parametrize("typed", ["y\n", " Yes \n"])
def test_a_cluster_is_used_with_the_user_s_consent(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))

    confirm_context(STAGING, before=PRODUCTION, declared=False, yes=False)

    out, err = capsys.readouterr()
    assert out == ""
    assert f"runs in {PRODUCTION}" in err
    assert f"would be started in {STAGING}, without its data" in err


@pytest.mark.parametrize("typed", ["\n", "n\n", ""])
def test_without_consent_no_cluster_is_used(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))

    with pytest.raises(ConfirmationRequired, match="Nothing was changed") as refused:
        confirm_context(STAGING, before=None, declared=False, yes=False)

    assert "kubernetes.context" in refused.value.hint


def test_the_secrets_of_a_running_stack_are_replaced_with_consent_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    confirm_new_secrets(STAGING, yes=False)
    asked = capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(ConfirmationRequired, match="Nothing was changed") as refused:
        confirm_new_secrets(STAGING, yes=False)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfirmationRequired, match=r"was started with another \.env"):
        confirm_new_secrets(STAGING, yes=False)
    confirm_new_secrets(STAGING, yes=True)

    assert "replace its master key and its declared virtual keys" in asked
    assert "Copy the .env" in (refused.value.hint or "")
