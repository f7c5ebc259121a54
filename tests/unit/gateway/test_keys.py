from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.errors import GatewayctlError, GatewayRefused, KeyAliasExists
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import (
    NewKey,
    delete_key,
    find_key_by_alias,
    generate_key,
    get_key,
    hash_key,
    iterate_keys,
    list_key_family,
)
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import FakeLiteLLM, error, served, sha256
from tests.fakes.projects import MASTER_KEY

MASTER = Secret(MASTER_KEY)
SECRET = Secret("sk-app-0123456789abcdef")


def test_a_key_is_registered_with_its_own_secret_and_without_limits() -> None:
    fake = FakeLiteLLM()
    new = NewKey(alias="app", secret=SECRET, models=("demo",), metadata={"a": 1}, duration="30d")

    with served(fake) as gateway:
        created = generate_key(gateway, MASTER, new)

    assert fake.sent("/key/generate") == {
        "key": SECRET.reveal(),
        "key_alias": "app",
        "models": ["demo"],
        "metadata": {"a": 1},
        "key_type": "llm_api",
        "duration": "30d",
    }
    assert created.hash == sha256(SECRET.reveal())
    assert created.expires == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_alias_in_use_has_its_own_error() -> None:
    fake = FakeLiteLLM()
    fake.add("sk-other-0123456789abcdef", "app")

    with served(fake) as gateway, pytest.raises(KeyAliasExists, match="'app' already exists"):
        generate_key(gateway, MASTER, NewKey(alias="app", secret=SECRET))


def test_an_answer_with_another_key_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/key/generate"] = lambda _: httpx.Response(200, json={"key": "sk-other"})

    with served(fake) as gateway, pytest.raises(GatewayRefused, match="without the key"):
        generate_key(gateway, MASTER, NewKey(alias="app", secret=SECRET))


def test_a_key_is_looked_up_by_its_hash_alone() -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET.reveal(), "app", spend=1.5)

    with served(fake) as gateway:
        found = get_key(gateway, MASTER, hash_key(SECRET))

    assert found is not None
    assert (found.alias, found.spend) == ("app", 1.5)
    assert SECRET.reveal() not in "".join(str(request.url) for request in fake.requests)


def test_an_unknown_key_and_a_deleted_one_are_none() -> None:
    fake = FakeLiteLLM()
    deleted = fake.add(SECRET.reveal(), "app")
    fake.deleted[deleted] = fake.keys.pop(deleted)

    with served(fake) as gateway:
        assert get_key(gateway, MASTER, deleted) is None
        assert get_key(gateway, MASTER, "0" * 64) is None


@given(st.integers(min_value=0, max_value=250))
def test_every_key_is_listed_once_however_many_pages_there_are(count: int) -> None:
    fake = FakeLiteLLM()
    for number in range(count):
        fake.add(f"sk-{number:020d}", f"key-{number}")

    with served(fake) as gateway:
        found = [key.alias for key in iterate_keys(gateway, MASTER)]

    assert found == [f"key-{number}" for number in range(count)]
    assert len(fake.requests) == max(1, -(-count // 100))


def test_a_list_that_shrinks_meanwhile_ends() -> None:
    fake = FakeLiteLLM()
    empty = {"keys": [], "total_count": 900, "current_page": 1, "total_pages": 9}
    fake.planted["/key/list"] = lambda _: httpx.Response(200, json=empty)

    with served(fake) as gateway:
        assert list(iterate_keys(gateway, MASTER)) == []
    assert len(fake.requests) == 1


def test_an_alias_is_matched_exactly() -> None:
    fake = FakeLiteLLM()
    fake.add("sk-0123456789abcdef01", "app")

    with served(fake) as gateway:
        assert find_key_by_alias(gateway, MASTER, "ap") is None
        found = find_key_by_alias(gateway, MASTER, "app")

    assert found is not None
    assert found.hash == sha256("sk-0123456789abcdef01")


def test_a_key_is_deleted_by_its_hash_and_that_is_verified() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET.reveal(), "app")

    with served(fake) as gateway:
        delete_key(gateway, MASTER, key_hash)
        delete_key(gateway, MASTER, key_hash)

    assert fake.keys == {}
    assert fake.sent("/key/delete") == {"keys": [key_hash]}
    assert fake.paths() == ["/key/block", "/key/delete", "/key/info"] * 2


def test_a_key_is_blocked_before_it_is_deleted_because_every_worker_learns_of_a_block() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET.reveal(), "app")
    fake.planted["/key/delete"] = lambda _: error(500, "no")

    with served(fake) as gateway, pytest.raises(GatewayctlError):
        delete_key(gateway, MASTER, key_hash)

    assert fake.sent("/key/block") == {"key": key_hash}
    assert fake.keys[key_hash]["blocked"] is True


def test_the_mark_of_a_deletion_is_there_before_the_block() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET.reveal(), "app", metadata={"team": "search"})
    fake.planted["/key/block"] = lambda _: error(500, "no")

    with served(fake) as gateway, pytest.raises(GatewayctlError):
        delete_key(gateway, MASTER, key_hash, mark={"team": "search", "mark": "1"})

    assert fake.keys[key_hash]["metadata"] == {"team": "search", "mark": "1"}
    assert fake.keys[key_hash]["blocked"] is None


def test_a_key_that_cannot_be_blocked_is_not_deleted() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET.reveal(), "app")
    fake.planted["/key/block"] = lambda _: error(500, "no")

    with served(fake) as gateway, pytest.raises(GatewayctlError):
        delete_key(gateway, MASTER, key_hash)

    assert "/key/delete" not in fake.paths()


def test_a_deletion_that_did_not_happen_is_detected() -> None:
    fake = FakeLiteLLM()
    key_hash = fake.add(SECRET.reveal(), "app")
    fake.planted["/key/delete"] = lambda _: httpx.Response(200, json={"deleted_keys": [key_hash]})

    with served(fake) as gateway, pytest.raises(GatewayRefused, match="but it exists"):
        delete_key(gateway, MASTER, key_hash)


def test_a_time_without_a_zone_is_utc_and_an_invalid_one_is_none() -> None:
    fake = FakeLiteLLM()
    fake.add("sk-0123456789abcdef01", "a", expires="2027-01-01T00:00:00")
    fake.add("sk-0123456789abcdef02", "b", expires="soon", spend=None)

    with served(fake) as gateway:
        first, second = iterate_keys(gateway, MASTER)

    assert first.expires == datetime(2027, 1, 1, tzinfo=UTC)
    assert first.is_expired(datetime(2027, 1, 1, tzinfo=UTC))
    assert (second.expires, second.spend) == (None, None)


@pytest.mark.parametrize("path", ["/key/list", "/key/info", "/key/generate"])
def test_an_answer_of_another_shape_is_an_error(path: str) -> None:
    fake = FakeLiteLLM()
    fake.planted[path] = lambda _: httpx.Response(200, json=[1])
    call: dict[str, Callable[[GatewayClient], object]] = {
        "/key/list": lambda gateway: list(iterate_keys(gateway, MASTER)),
        "/key/info": lambda gateway: get_key(gateway, MASTER, "0" * 64),
        "/key/generate": lambda gateway: generate_key(
            gateway, MASTER, NewKey(alias="a", secret=SECRET)
        ),
    }

    with served(fake) as gateway, pytest.raises(GatewayRefused, match="answered without"):
        call[path](gateway)


def test_pages_that_repeat_their_keys_end() -> None:
    fake = FakeLiteLLM()
    page = {"keys": [{"token": "a", "key_alias": "x"}], "total_pages": 10**9}
    fake.planted["/key/list"] = lambda _: httpx.Response(200, json=page)

    with served(fake) as gateway:
        assert [key.hash for key in iterate_keys(gateway, MASTER)] == ["a"]


@pytest.mark.parametrize("alias", ["back\\n", "\\", "a%b_c", "it's"])
def test_a_key_is_found_by_any_alias(alias: str) -> None:
    fake = FakeLiteLLM()
    fake.add("sk-app-0123456789abcdef", alias)

    with served(fake) as gateway:
        (found,) = list_key_family(gateway, MASTER, alias)

    assert found.alias == alias


def test_no_key_has_an_alias_that_is_not_utf8() -> None:
    fake = FakeLiteLLM()
    fake.add("sk-app-0123456789abcdef", "caf?")

    with served(fake) as gateway:
        found = list_key_family(gateway, MASTER, os.fsdecode(b"caf\xe9"))

    assert found == ()
