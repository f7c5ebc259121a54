from __future__ import annotations

import json

import pytest

from gatewayctl.files.json_text import parse_json, shorten_tracebacks


def test_json_is_parsed() -> None:
    assert parse_json('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)expect|deep|digits"):
        parse_json(text)


TRACEBACK = "Traceback (most recent call last):\n" + '  File "x.py", line 1, in y\n    z()\n' * 60
STAMP = "2026-11-30T09:44:05.700Z "


def in_json(message: object) -> str:
    return json.dumps({"message": message, "level": "ERROR"})


def test_a_traceback_in_json_is_reduced_to_its_error() -> None:
    error = "ValueError: no Redis is configured. Add one:\n\nsettings:\n  cache: true\n\nor set it"
    log = f"before\n{STAMP}{in_json(f'{TRACEBACK}{error}')}\nafter"

    assert shorten_tracebacks(log) == f"before\n{STAMP}{error}\nafter"


def test_of_several_tracebacks_the_last_error_counts() -> None:
    message = f"{TRACEBACK}KeyError: 1\n\nDuring handling of it:\n\n{TRACEBACK}ValueError: 2"

    assert shorten_tracebacks(in_json(message)) == "ValueError: 2"


@pytest.mark.parametrize(
    "line",
    [
        in_json("no traceback"),
        in_json(TRACEBACK),
        in_json("Traceback (most recent call last): cut off"),
        in_json(["Traceback (most recent call last)"]),
        '{"message": "Traceback (most recent call last)',
        '["Traceback (most recent call last)"]',
        '{"text": "Traceback (most recent call last)"}',
        "Traceback (most recent call last):",
    ],
)
def test_a_line_without_an_error_after_a_traceback_stays_as_it_is(line: str) -> None:
    assert shorten_tracebacks(STAMP + line) == STAMP + line
