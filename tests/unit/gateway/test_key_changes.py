from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayRefused, KeyAliasExists
from gatewayctl.gateway.keys import KeyChange, NewKey, list_key_family, update_key
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY

MASTER = Secret(MASTER_KEY)
KEY = "sk-app-0123456789abcdef"


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (KeyChange(), {}),
        (KeyChange(alias="b"), {"key_alias": "b"}),
        (KeyChange(models=()), {"models": []}),
        (KeyChange(metadata={}), {"metadata": {}}),
        (KeyChange(duration="1h"), {"duration": "1h"}),
        (KeyChange(never_expires=True), {"duration": None}),
    ],
)
def test_only_what_changes_is_sent_and_the_key_by_its_hash(
    change: KeyChange, body: dict[str, object]
) -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(KEY, "app", models=["demo"])

    with served(fake) as gateway:
        update_key(gateway, MASTER, key_hash, change)

    assert fake.sent("/key/update") == {"key": key_hash, **body}


def test_the_changed_key_is_returned() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(KEY, "app")

    with served(fake) as gateway:
        changed = update_key(gateway, MASTER, key_hash, KeyChange(alias="new", models=("demo",)))

    assert (changed.hash, changed.alias, changed.models) == (key_hash, "new", ("demo",))


def test_an_alias_in_use_a_deleted_key_and_another_answer_are_different_errors() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(KEY, "app")
    fake.add("sk-other-0123456789abcdef", "taken")

    with served(fake) as gateway:
        with pytest.raises(KeyAliasExists):
            update_key(gateway, MASTER, key_hash, KeyChange(alias="taken"))
        with pytest.raises(GatewayRefused, match="not found"):
            update_key(gateway, MASTER, "0" * 64, KeyChange(alias="new"))
        fake.planted["/key/update"] = lambda _: httpx.Response(200, json={"token": "another"})
        with pytest.raises(GatewayRefused, match="the key that was changed"):
            update_key(gateway, MASTER, key_hash, KeyChange(alias="new"))


def test_a_family_is_every_key_whose_alias_starts_with_it() -> None:
    fake = FakeLiteLLM()
    for number, alias in enumerate(("app", "app@next", "my-app", "other")):
        fake.add(f"sk-{number:020d}", alias)

    with served(fake) as gateway:
        found = list_key_family(gateway, MASTER, "app")

    assert [key.alias for key in found] == ["app", "app@next"]
    assert len(fake.requests) == 1


def test_limits_set_in_litellm_are_parsed_and_can_be_passed_on() -> None:
    fake = FakeLiteLLM()
    fake.add(KEY, "app", max_budget=5.0, rpm_limit=None, team_id="search")

    with served(fake) as gateway:
        (key,) = list_key_family(gateway, MASTER, "app")

    assert key.limits == {"max_budget": 5.0, "team_id": "search"}
    body = NewKey(alias="b", secret=Secret(KEY), limits=key.limits).body()
    assert (body["max_budget"], body["team_id"]) == (5.0, "search")
