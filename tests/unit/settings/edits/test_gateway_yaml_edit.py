from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayctl.errors import SettingsProblem
from gatewayctl.settings.edits.gateway_yaml_edit import with_value

NEW = "ghcr.io/berriai/litellm:v1.108.14"


def edited(text: str) -> str:
    return with_value(text, "images", "litellm", NEW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"images:\n  litellm: {NEW}\n"),
        ("# mine\n", f"# mine\nimages:\n  litellm: {NEW}\n"),
        ("bind: 127.0.0.1", f"bind: 127.0.0.1\nimages:\n  litellm: {NEW}\n"),
        ("images:\n  litellm: a:1  # why\n", f"images:\n  litellm: {NEW}  # why\n"),
        ("images:\n  litellm: 'a:1'\n", f"images:\n  litellm: '{NEW}'\n"),
        ('images:\n    litellm: "a:1"\nbind: x\n', f'images:\n    litellm: "{NEW}"\nbind: x\n'),
        ("images:\n  litellm:\nbind: x\n", f"images:\n  litellm: {NEW}\nbind: x\n"),
        ("images:\n  redis: a:7\n", f"images:\n  litellm: {NEW}\n  redis: a:7\n"),
        (
            "images:\n  # first\n  redis: a:7 # r\n\n\nbind: x\n",
            f"images:\n  # first\n  litellm: {NEW}\n  redis: a:7 # r\n\n\nbind: x\n",
        ),
        ("images:\n#  redis: a\nbind: x\n", f"images:\n  litellm: {NEW}\n#  redis: a\nbind: x\n"),
        ("images: # none yet\nbind: x\n", f"images: # none yet\n  litellm: {NEW}\nbind: x\n"),
        ("images:", f"images:\n  litellm: {NEW}\n"),
        ("images: {redis: a:7} # f\n", f"images: {{litellm: {NEW}, redis: a:7}} # f\n"),
        ("images: {litellm: a:1, redis: a:7}\n", f"images: {{litellm: {NEW}, redis: a:7}}\n"),
        ("images: {}\n", f"images: {{litellm: {NEW}}}\n"),
        ("{bind: x}\n", f"{{images: {{litellm: {NEW}}}, bind: x}}\n"),
        ("bind: x\r\n# é\r\nimages:\r\n  litellm: a:1\r\n",
         f"bind: x\r\n# é\r\nimages:\r\n  litellm: {NEW}\r\n"),
        ("\ufeffbind: x\nimages: {litellm: a:1}\n", f"\ufeffbind: x\nimages: {{litellm: {NEW}}}\n"),
        ("  bind: x\n", f"  bind: x\n  images:\n    litellm: {NEW}\n"),
    ],
)  # fmt: skip
def test_only_that_value_changes_or_that_line_is_added(before: str, after: str) -> None:
    assert edited(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "a: &x a:1\nimages:\n  litellm: *x\n",
        "images:\n  litellm: &x a:1\napps: {one: {image: *x}}\n",
        "base: &b {litellm: a:1}\nimages: *b\n",
        "images:\n  litellm: >-\n    a:1\nbind: x\n",
        "images:\n  litellm: [a]\n",
        "images: 7\n",
        "- a list\n",
        "bind: x\n...\n",
        "images: {litellm: a:1\n",
    ],
)
def test_what_cannot_be_changed_alone_is_refused_with_the_line_to_write(text: str) -> None:
    with pytest.raises(SettingsProblem) as caught:
        edited(text)

    assert f"litellm: {NEW}" in caught.value.hint


NAMES = st.sampled_from(["litellm", "phoenix", "bind", "images", "models", "apps"])
VALUES: Any = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


# PyYAML writes this one so that it reads back as a blank.
@example(rest={"models": "\x85"}, images=None, flow=False, comment="")
@given(
    rest=st.dictionaries(NAMES.filter(lambda name: name != "images"), VALUES, max_size=4),
    images=st.one_of(
        st.none(), st.dictionaries(NAMES, st.sampled_from(["a:1", "b@sha256:0"]), max_size=3)
    ),
    flow=st.booleans(),
    comment=st.sampled_from(["", "# a comment\n", "\n\n"]),
)
def test_only_the_image_changes_in_any_document(
    rest: dict[str, Any], images: dict[str, str] | None, flow: bool, comment: str
) -> None:
    document = rest if images is None else {**rest, "images": images}
    text = comment + yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)

    after = edited(text)

    before = yaml.safe_load(text)
    assert yaml.safe_load(after) == {
        **before,
        "images": {**before.get("images", {}), "litellm": NEW},
    }
    assert edited(after) == after
    old, new = text.splitlines(), after.splitlines()
    assert after.startswith(comment)
    assert len(new) - len(old) in {0, 1, 2}
