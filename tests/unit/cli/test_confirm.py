from __future__ import annotations

import io

import pytest
import typer

from gatewayctl.cli.confirm import confirm_by_name
from gatewayctl.errors import ConfirmationRequired
from tests.fakes.terminals import Terminal


def asked(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    confirm_by_name("shop", "every key", yes=False)


def test_who_said_yes_is_not_asked(capsys: pytest.CaptureFixture[str]) -> None:
    confirm_by_name("shop", "every key", yes=True)

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("typed", ["shop\n", "  shop \n"])
def test_who_types_the_name_goes_on(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(monkeypatch, typed)

    out, err = capsys.readouterr()
    assert out == "", "a question must not end up in a result that is piped"
    assert "This deletes every key." in err
    assert "(shop)" in err


@pytest.mark.parametrize("typed", ["\n", "yes\n", "y\n", "SHOP\n", "shop2\n"])
def test_who_types_anything_else_does_not(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfirmationRequired, match="Nothing was changed") as refused:
        asked(monkeypatch, typed)

    assert refused.value.exit_code == 2
    assert "--yes" in refused.value.hint


def test_who_ends_the_input_breaks_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(typer.Abort):
        asked(monkeypatch, "")


@pytest.mark.parametrize("stdin", [io.StringIO("shop\n"), None])
def test_without_a_terminal_nobody_is_asked(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)

    with pytest.raises(ConfirmationRequired, match="there is no terminal to confirm"):
        confirm_by_name("shop", "every key", yes=False)
