from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayctl.errors import SettingsInvalid
from gatewayctl.settings.document import MAX_CHARACTERS, Node, parse
from gatewayctl.settings.problems import Problems


def read(text: str) -> Node:
    problems = Problems()
    node = parse(text, name="gateway.yaml", problems=problems)
    problems.raise_all()
    return node


def complaints(text: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_every_value_has_its_line_and_column() -> None:
    node = read("a:\n  b: [1, two]\n")

    inner = node.at("a.b")
    assert inner is not None
    assert inner.plain() == [1, "two"]
    assert (inner.source.line, inner.source.column) == (2, 6)
    assert [(name, place.line, place.column) for name, place in node.places()] == [
        ("a", 1, 1),
        ("a.b", 2, 3),
    ]


def test_plain_values_are_what_yaml_means() -> None:
    text = "n: ~\nb: on\ni: 7\nf: 1.5\ns: text\nd: 2026-11-23\nq: '5'\neq: =\n"

    assert read(text).plain() == {
        "n": None,
        "b": True,
        "i": 7,
        "f": 1.5,
        "s": "text",
        "d": "2026-11-23",
        "q": "5",
        "eq": "=",
    }


def test_a_name_given_twice_is_refused_with_the_first_line() -> None:
    assert complaints("a: 1\nb: {x: 1, x: 2}\na: 2\n") == [
        "gateway.yaml line 2 column 11: 'x' is given twice, first on line 2",
        "gateway.yaml line 3 column 1: 'a' is given twice, first on line 1",
    ]


def test_anchors_and_merges_work_and_own_names_win() -> None:
    text = "a: &one {x: 1, y: 2}\nb: {<<: *one, y: 3}\nc: {<<: [*one, {x: 9, z: 8}], w: *one}\n"

    assert read(text).plain() == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2, "z": 8, "w": {"x": 1, "y": 2}},
    }


def test_only_a_mapping_can_be_merged() -> None:
    assert complaints("a: {<<: 3}\n") == ["gateway.yaml line 1 column 9: `<<` needs a mapping"]


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system [id]", "!!python/name:os.system x", "!mine 3", "!!set {a}"],
)
def test_no_tag_builds_an_object(tag: str) -> None:
    (found,) = complaints(f"a: {tag}\n")

    assert found.startswith("gateway.yaml line 1 column 4: the tag ")
    assert found.endswith("is not allowed")


def test_a_billion_laughs_are_stopped() -> None:
    levels = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    for level in "bcdefghij":
        before = chr(ord(level) - 1)
        levels.append(f"{level}: &{level} [{','.join([f'*{before}'] * 10)}]")

    (found,) = complaints("\n".join(levels))

    assert "more than 20000 values after expanding aliases" in found


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "[" * 5000, "a: " + "{b: " * 60 + "1" + "}" * 60])
def test_endless_or_deep_nesting_is_stopped(text: str) -> None:
    (found,) = complaints(text)

    assert "is nested deeper than 40 levels" in found


def test_a_file_above_the_size_limit_is_not_parsed() -> None:
    assert complaints("#" * (MAX_CHARACTERS + 1)) == ["gateway.yaml: is larger than 256 KiB"]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "7\n"])
def test_the_document_must_be_a_mapping(text: str) -> None:
    (found,) = complaints(text)

    assert found.startswith("gateway.yaml line 1 column 1: must contain `name: value`")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1\nb: 2\n", "line 2 column 2"),
        ("a: 1\n b: 2\n", "line 2 column 3"),
        ("a: *nowhere\n", "line 1 column 4"),
        ("a: 1\n---\nb: 2\n", "line 2 column 1"),
        ("\ta: 1\n", "line 1 column 1"),
    ],
)
def test_malformed_yaml_is_reported_with_its_position(text: str, place: str) -> None:
    (found,) = complaints(text)

    assert found.startswith(f"gateway.yaml {place}: is not valid YAML: ")


def test_a_control_character_is_refused() -> None:
    assert complaints("a: \x07\n") == ["gateway.yaml: character 4 is not allowed in YAML"]


@pytest.mark.parametrize("number", [str(2**63), f"0x{'f' * 5000}", str(-(2**63))])
def test_a_number_beyond_64_bits_is_refused(number: str) -> None:
    (found,) = complaints(f"a: {number}\n")

    assert found == "gateway.yaml line 1 column 4: is a number of more than 63 bits"


def test_the_two_halves_in_which_json_escapes_a_character_are_joined() -> None:
    assert read('{"\\ud83d\\ude80": "a\\ud83d\\ude80"}').plain() == {"\N{ROCKET}": "a\N{ROCKET}"}


@pytest.mark.parametrize("text", ['a: "\\ud83d"', '"\\ud83d": 1', 'a: [{b: "x\\udc00"}]'])
def test_an_unpaired_surrogate_is_refused(text: str) -> None:
    (found,) = complaints(text)

    assert "contains an unpaired surrogate" in found


@pytest.mark.parametrize("key", ["5", "true", "~", "1.5", "[a]", "{a: b}"])
def test_a_name_that_is_not_a_string_is_refused(key: str) -> None:
    (found,) = complaints(f"? {key}\n: 1\n")

    assert "a name must be a string" in found


def test_integers_may_be_names_of_numbered_mappings_only() -> None:
    problems = Problems()
    text = "ports: {8080: {5: x}, -1: b}\nother: {1: 2}\nlist: {ports: [{7: x}]}\n"
    node = parse(text, name="gateway.yaml", problems=problems, numbered={"ports"})

    assert node.plain() == {"ports": {"8080": {}, "-1": "b"}, "other": {}, "list": {"ports": [{}]}}
    with pytest.raises(SettingsInvalid) as caught:
        problems.raise_all()
    assert [str(each.message) for each in caught.value.problems] == [
        f"a name must be a string: put '{name}' in quotes" for name in (5, 1, 7)
    ]


@pytest.mark.parametrize(
    "value", ["!!int abc", "!!float x", "!!bool maybe", "9" * 5000, '!!int ""', '!!float ""']
)
def test_a_value_that_is_not_of_its_tag_is_refused(value: str) -> None:
    (found,) = complaints(f"a: {value}\n")

    assert found.startswith("gateway.yaml line 1 column 4: is not a valid ")


@pytest.mark.parametrize("value", ["!!timestamp foo", '!!timestamp ""', "2024-13-45", '!!int ""'])
def test_a_value_of_a_foreign_document_that_is_not_of_its_tag_is_refused(value: str) -> None:
    problems = Problems()
    parse(f"a: {value}\n", name="litellm.yaml", problems=problems, as_pyyaml=True)
    with pytest.raises(SettingsInvalid, match=r"litellm\.yaml line 1 column 4: is not a valid "):
        problems.raise_all()


@given(st.text(max_size=200))
@example("? [")
@example("&a *a")
@example("%YAML 9.9\n--- a")
def test_any_text_is_a_document_or_a_problem(text: str) -> None:
    problems = Problems()

    node = parse(text, name="gateway.yaml", problems=problems)

    assert isinstance(node.value, dict)
