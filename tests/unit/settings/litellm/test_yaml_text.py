from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayctl.errors import SettingsInvalid
from gatewayctl.settings.litellm.yaml_text import YamlText, read_yaml_text
from gatewayctl.settings.problems import Problems


def read(text: str) -> YamlText:
    problems = Problems()
    found = read_yaml_text(text, name="config.yaml", problems=problems)
    problems.raise_all()
    assert found is not None
    return found


def texts(document: YamlText) -> list[tuple[str, str]]:
    """Every value with the text of its place."""
    return [
        (".".join(map(str, value.path)), document.within(*value.span))
        for value in document.values
        if not value.is_key
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: plain # comment\n", "plain"),
        ("a: 'it''s'\n", "'it''s'"),
        ('a: "two\n  lines"\n', '"two\n  lines"'),
        ("a: &anchor !!str value\n", "value"),
        ("a: two\n  lines\n", "two\n  lines"),
        ("{a: x}", "x"),
        ("a: |  # comment\n  one\n  two\n\nb: 1\n", "|  # comment\n  one\n  two\n\n"),
        ("a: |-\n  end", "|-\n  end"),
        ("a: x\r\nb: y\r\n", "x"),
    ],
)
def test_the_place_of_a_value_is_its_text_without_anchor_and_comment(text: str, place: str) -> None:
    assert dict(texts(read(text)))["a"] == place


def test_an_anchor_is_found_at_each_place_that_uses_it() -> None:
    document = read("x: &x {key: one}\na: *x\nb: {<<: *x, other: 2}\nc: [*x]\n")
    assert texts(document) == [
        ("x.key", "one"), ("a.key", "one"), ("b.key", "one"), ("b.other", "2"), ("c.0.key", "one"),
    ]  # fmt: skip


def test_comments_are_found_and_a_number_sign_in_a_value_is_none() -> None:
    document = read("# one\na: 'x # no' # two\nb: |  # three\n  # no\nc: y#no\n#four\n")
    assert [comment.text for comment in document.comments] == ["# one", "# two", "# three", "#four"]
    assert [comment.line for comment in document.comments] == [1, 2, 3, 6]


def test_only_the_given_places_change() -> None:
    text = "a: x # c\r\nb: |\r\n  l1\r\n  l2\r\n\r\nc: 'z'\r\n"
    document = read(text)
    places = {value.path: value.span for value in document.values if not value.is_key}
    changed = document.with_texts({places[("a",)]: "X", places[("b",)]: "B"})
    assert changed == "a: X # c\r\nb: B\r\n\r\nc: 'z'\r\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1\n", "config.yaml line 2: is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "config.yaml line 2: is not valid YAML: but found another document"),
        ("a: !!python/name:os x\n", "config.yaml line 1: is not valid YAML"),
        ("a: \x1b\n", "config.yaml line 1: is not valid YAML"),
        ("a: &a [*a]\n", "an anchor contains itself"),
        ("a: " + "[" * 2000, "nested too deeply"),
        ("a: 2024-13-45\n", "not valid"),
        ('a: !!int ""\n', "not valid"),
        ('a: !!float ""\n', "not valid"),
        ("a: !!timestamp foo\n", "not valid"),
        ("a: !!bool abc\n", "not valid"),
        ("a0: &a0 [1,2,3,4,5,6,7,8,9]\n" + "".join(
            f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
         "after its aliases are expanded"),
    ],
)  # fmt: skip
def test_an_invalid_document_is_reported(text: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read(text)
    assert problem in refused.value.message


scalars = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
    st.integers(), st.booleans(), st.none(),
)  # fmt: skip
documents = st.dictionaries(
    st.text("abcé #:'\"-", min_size=1, max_size=6),
    st.recursive(
        scalars,
        lambda part: st.one_of(
            st.lists(part, max_size=3),
            st.dictionaries(st.text("xyz"), part, max_size=3),
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(documents, st.sampled_from([True, False, None]))
def test_any_document_is_read_as_pyyaml_does_and_edited_where_asked(
    data: dict[str, object], flow: bool | None
) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    document = read(text)
    assert document.with_texts({}) == text
    for value in document.values:
        if value.is_key or not isinstance(value.value, str):
            continue
        again = read(document.with_texts({value.span: "os.environ/NAME"}))
        others = [(v.path, v.value) for v in again.values if v.value != "os.environ/NAME"]
        span = value.span
        assert others == [(v.path, v.value) for v in document.values if v.span != span]
