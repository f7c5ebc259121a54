from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gatewayctl.errors import Drift, GatewayUnreachable, PortTaken
from gatewayctl.output.console import Console, Verbatim, strip_control
from gatewayctl.output.table import make_table
from gatewayctl.settings.masking import mask
from tests.fakes.terminals import on_a_terminal, piped

KEY = "sk-virtual-0123456789abcdefWXYZ"
KEYS = st.from_regex(r"\Ask-[A-Za-z0-9_-]{16,40}\Z")
ESCAPES = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://evil\x1b\\ \x9b2J bell\x07 \rback\x08"


# Masking


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {KEY}", "Bearer sk-…WXYZ"),
        (f"key={KEY}&x=1", "key=sk-…WXYZ&x=1"),
        (f"key%3D{KEY}", "key%3Dsk-…WXYZ"),
        (f'"{KEY}"', '"sk-…WXYZ"'),
        (f"{KEY} and {KEY}", "sk-…WXYZ and sk-…WXYZ"),
        ("sk-1234", "sk-…"),
        ("sk-", "sk-"),
        ("/home/me/task-runner/disk-space", "/home/me/task-runner/disk-space"),
        ("a risk-based, desk-top mask-ing", "a risk-based, desk-top mask-ing"),
    ],
)
def test_keys_are_masked_and_other_words_are_not(text: str, shown: str) -> None:
    assert mask(text) == shown


@given(st.text(st.characters(exclude_categories=("L", "N"))), KEYS, st.text())
def test_no_key_survives_in_any_text(before: str, key: str, after: str) -> None:
    assert key not in mask(f"{before}{key} {after.replace(key, '')}")


# Control characters


def test_escape_sequences_are_removed() -> None:
    shown = strip_control(ESCAPES)

    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in shown)
    assert shown.startswith("red ")


@given(st.text())
def test_line_breaks_and_tabs_are_the_only_control_characters_that_stay(text: str) -> None:
    left = {sign for sign in strip_control(text) if ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0}

    assert left <= {"\n", "\t"}


# Two streams


def test_results_go_to_stdout_and_narration_to_stderr() -> None:
    console, out, err = piped()

    console.result(["a result"])
    console.say("a narration")

    assert (out.getvalue(), err.getvalue()) == ("a result\n", "a narration\n")


def test_quiet_drops_narration_and_never_results_or_errors() -> None:
    console, out, err = piped(quiet=True)

    console.say("a narration")
    console.result(["a result"])
    console.error(PortTaken("Port 4000 is held."))

    assert out.getvalue() == "a result\n"
    assert err.getvalue().startswith("Error: Port 4000 is held.\nHint: ")


def test_an_error_is_a_message_and_a_hint() -> None:
    console, out, err = piped()

    console.error(GatewayUnreachable("LiteLLM does not answer."))

    assert err.getvalue() == (
        "Error: LiteLLM does not answer.\nHint: Start the gateway with `gatewayctl up`.\n"
    )
    assert out.getvalue() == ""


def test_narration_and_errors_have_neither_keys_nor_escape_sequences() -> None:
    console, _, err = piped()

    console.say(f"said {KEY} {ESCAPES}")
    console.error(PortTaken(f"held by {KEY} {ESCAPES}", hint=f"use {KEY} {ESCAPES}"))

    assert KEY not in err.getvalue()
    assert "\x1b" not in err.getvalue()
    assert err.getvalue().count("sk-…WXYZ") == 3


def test_external_text_is_not_parsed_as_markup() -> None:
    console, out, err = piped()

    console.result(["[bold]x[/bold]", make_table(["A"], [["[red]y[/red] :smile:"]]), Text("[/]")])
    console.say("[link=http://evil]z[/link]")

    assert "[bold]x[/bold]" in out.getvalue()
    assert "[red]y[/red] :smile:" in out.getvalue()
    assert "[/]" in out.getvalue()
    assert err.getvalue() == "[link=http://evil]z[/link]\n"


def test_strings_in_a_rich_table_are_not_parsed_as_markup() -> None:
    console, out, _ = piped()
    made = Table("[b]HEAD[/b]")
    made.add_row("[red]y[/red] :smile:")

    console.result([made])

    assert "[b]HEAD[/b]" in out.getvalue()
    assert "[red]y[/red] :smile:" in out.getvalue()


def test_a_long_value_is_not_wrapped() -> None:
    console, out, _ = piped()

    console.result(["x" * 500])

    assert out.getvalue() == "x" * 500 + "\n"


# Terminals


def test_errors_on_a_terminal_have_color() -> None:
    console, _, err = on_a_terminal()

    console.error(PortTaken("x"))

    assert err.getvalue().startswith("\x1b[1;31mError\x1b[0m: x")


def test_no_color_turns_colors_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console, out, err = on_a_terminal()

    console.error(PortTaken("x"))
    console.result([make_table(["A"], [["healthy"]])])

    assert err.getvalue().startswith("Error: x")
    # NO_COLOR is about color: bold headers may stay.
    assert "\x1b[32m" not in out.getvalue()


def test_tables_on_a_terminal_have_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console, out, _ = on_a_terminal()

    console.result([make_table(["A"], [["healthy"]])])

    assert "\x1b[32mhealthy" in out.getvalue()


def test_tables_off_a_terminal_are_plain_text() -> None:
    console, out, _ = piped()

    console.result([make_table(["A"], [["healthy"]])])

    assert [line.rstrip() for line in out.getvalue().splitlines()] == ["A", "healthy"]


@pytest.mark.parametrize(
    ("columns", "width"),
    [("40", 40), ("", 100), ("0", 100), ("-5", 100), ("wide", 100), (None, 100)],
)
def test_the_width_off_a_terminal_is_columns_if_that_is_valid(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    console, out, _ = piped()

    assert console.rich(out).width == width


@pytest.mark.parametrize(
    ("environment", "animated"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "CI": ""}, False)],
)
def test_only_a_terminal_that_can_be_redrawn_is_animated(
    environment: dict[str, str], animated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert on_a_terminal()[0].animated is animated
    assert not on_a_terminal(quiet=True)[0].animated
    assert not piped()[0].animated


def test_commands_are_named_as_the_user_called_the_program() -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(program=".venv/bin/gatewayctl", project_dir="shop", stdout=out, stderr=err)

    console.say("Try `gatewayctl up`.")
    console.error(GatewayUnreachable("LiteLLM does not answer."))
    console.result(["Next: `gatewayctl env`", Padding(Text("→ `gatewayctl doctor`"), (0, 0, 0, 4))])

    assert err.getvalue().splitlines() == [
        "Try `.venv/bin/gatewayctl -C shop up`.",
        "Error: LiteLLM does not answer.",
        "Hint: Start the gateway with `.venv/bin/gatewayctl -C shop up`.",
    ]
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "Next: `.venv/bin/gatewayctl -C shop env`",
        "    → `.venv/bin/gatewayctl -C shop doctor`",
    ]


def test_the_content_of_a_file_is_printed_as_it_is() -> None:
    out = io.StringIO()

    Console(program="bin/gatewayctl", stdout=out).result([Verbatim("+# run `gatewayctl render`.")])

    assert out.getvalue() == "+# run `gatewayctl render`.\n"


def test_a_command_that_did_what_was_asked_does_not_end_in_an_error() -> None:
    console, _, err = piped()

    console.error(Drift("`gatewayctl up` would change 1 file.", hint="Apply it: `gatewayctl up`."))

    assert err.getvalue().startswith("Note: `gatewayctl up` would change 1 file.\nHint: ")


def test_no_result_controls_a_terminal_and_a_pipe_gets_it_unchanged() -> None:
    terminal, seen, _ = on_a_terminal()
    pipe, out, _ = piped()

    for console in (terminal, pipe):
        console.result([f"file {ESCAPES}"])

    assert "\x1b" not in seen.getvalue()
    assert out.getvalue() == f"file {ESCAPES}\n"
