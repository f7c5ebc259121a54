from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import SettingsProblem
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.edits.yaml_append import Addition, with_items, with_names

ENTRY = {"model_name": "new", "litellm_params": {"model": "openai/x"}}
ITEM = Addition(value=ENTRY, text=to_yaml(ENTRY))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "model_list:\n- {model_name: a}  # one\n# after\nrouter_settings: {a: 1}\n",
        "model_list:\n    - model_name: a\n      info: |\n        two\n        lines\n\nrest: 1\n",
        "model_list:\nrest: 1",
        "a: 1\r\nmodel_list:\r\n  - x\r\n",
        "rest:\n  deep: [1]",
    ],
)
def test_an_item_is_appended_and_every_other_line_stays(text: str) -> None:
    changed = with_items(text, "model_list", [ITEM])

    old = yaml.safe_load(text) or {}
    assert yaml.safe_load(changed) == {**old, "model_list": [*(old.get("model_list") or []), ENTRY]}
    lines = changed.splitlines()
    assert [line for line in lines if line in text.splitlines()] == text.splitlines()


def test_a_section_inside_another_mapping_is_extended_there() -> None:
    text = "litellm:\n  router_settings:\n    a: 1\nkeys: {}\n"

    changed = with_names(
        text, "router_settings", {"b": Addition(value=2, text="b: 2")}, under="litellm"
    )

    assert changed == "litellm:\n  router_settings:\n    a: 1\n    b: 2\nkeys: {}\n"
    assert "\n  model_list:\n    - model_name: new" in with_items(
        text, "model_list", [ITEM], under="litellm"
    )


@pytest.mark.parametrize(
    "text",
    [
        "model_list: [a]\n",
        "a: &a [b]\nmodel_list: *a\n",
        "- a\n",
        "{",
        "x: !!int ''\n",
        "x: !!bool abc\n",
        "x: 2024-13-45\n",
    ],
)
def test_a_place_in_another_style_is_refused_with_the_lines_to_add(text: str) -> None:
    with pytest.raises(SettingsProblem, match="cannot be extended") as caught:
        with_items(text, "model_list", [ITEM])

    assert "model_name: new" in caught.value.hint


@given(sections=st.dictionaries(st.text(max_size=5), VALUES, max_size=3), new=VALUES)
def test_any_document_is_extended_or_refused(sections: dict[str, object], new: object) -> None:
    text = yaml.safe_dump(sections, allow_unicode=True)
    entry = {"value": new}
    try:
        changed = with_items(text, "list", [Addition(value=entry, text=to_yaml(entry))])
    except SettingsProblem:
        return
    # Not `sections`: PyYAML does not read every character back that it writes.
    old = yaml.safe_load(text)
    given = old.get("list") or []
    assert isinstance(given, list)
    assert yaml.safe_load(changed) == {**old, "list": [*given, entry]}
