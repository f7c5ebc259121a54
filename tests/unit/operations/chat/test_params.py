from __future__ import annotations

from typing import Any

import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.operations.chat.params import check_tags, parse_params


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.5", 0.5),
        ("temperature", "0", 0),
        ("max_tokens", "9", 9),
        ("seed", "-1", -1),
        ("stop", "END", "END"),
        ("stop", '["a", "b"]', ["a", "b"]),
        ("logprobs", "true", True),
        ("response_format", '{"type": "json_object"}', {"type": "json_object"}),
        ("reasoning_effort", "low", "low"),
        ("top_p", "null", None),
        ("anything-of-a-provider", "1e3", 1000.0),
    ],
)
def test_a_value_is_json_or_a_string(name: str, text: str, value: Any) -> None:
    assert parse_params({name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("temperature", "hot", "a number from 0 to 2"),
        ("temperature", "true", "a number from 0 to 2"),
        ("temperature", "2.5", "a number from 0 to 2"),
        ("top_p", "-1", "a number from 0 to 1"),
        ("max_tokens", "0", "a positive integer"),
        ("max_tokens", "1.5", "a positive integer"),
        ("seed", "x", "an integer"),
        ("logprobs", "1", "true or false"),
        ("response_format", "json", "a JSON object"),
        ("tools", "{}", "a JSON list"),
        ("x", "NaN", "finite numbers"),
        ("x", '{"a": [Infinity]}', "finite numbers"),
    ],
)
def test_a_value_of_another_type_is_refused_before_it_is_sent(
    name: str, text: str, why: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_params({name: text})

    assert caught.value.message == f"Invalid --param {name}={text}: expected {why}."


@pytest.mark.parametrize("text", ['{"a"', "[1,", '"open'])
def test_what_begins_like_json_must_be_json(text: str) -> None:
    with pytest.raises(UsageProblem, match="begins like JSON, but is not"):
        parse_params({"stop": text})


@pytest.mark.parametrize("name", ["model", "messages", "stream", "metadata", "tags", "n"])
def test_what_has_an_option_of_its_own_is_refused_with_it(name: str) -> None:
    with pytest.raises(UsageProblem, match=f"must not set '{name}'"):
        parse_params({name: "x"})


@pytest.mark.parametrize(
    ("name", "text"), [("api_key", "x"), ("user", "sk-0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
)
def test_a_secret_is_refused_and_not_quoted(name: str, text: str) -> None:
    with pytest.raises(UsageProblem, match="looks like a secret") as caught:
        parse_params({name: text})

    assert text not in caught.value.message.replace("looks like a secret", "").split()


def test_tags_are_kept_once_in_their_order() -> None:
    assert check_tags(("b", "a", "b")) == ("b", "a")


@pytest.mark.parametrize("tag", ["", " ", "a\nb", "component:x", "op:y"])
def test_a_tag_that_is_empty_or_attributes_a_call_is_refused(tag: str) -> None:
    with pytest.raises(UsageProblem, match="Invalid --tag"):
        check_tags((tag,))


@pytest.mark.parametrize("text", ['"\\ud800"', '["\\ud800"]', "\udcff"])
def test_a_value_that_is_no_utf8_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="--param user is not UTF-8"):
        parse_params({"user": text})
