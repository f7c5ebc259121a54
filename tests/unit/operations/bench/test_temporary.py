"""The model and the key of a benchmark: gone again, however it ends."""

from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayctlError, GatewayRefused, GatewayTimeout
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.bench.temporary import temporary_key, temporary_model
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import FakeLiteLLM, error, served
from tests.fakes.projects import MASTER_KEY

MASTER = Secret(MASTER_KEY)
BASE = "http://127.0.0.1:1/v1"


def answer_too_late(fake: FakeLiteLLM, path: str) -> None:
    """The gateway does what it is asked, but its answer does not arrive."""

    def respond(request: httpx.Request) -> httpx.Response:
        del fake.planted[path]
        fake.answer(request)
        raise httpx.ReadTimeout("too late")

    fake.planted[path] = respond


@pytest.mark.parametrize("failure", [GatewayctlError("x"), KeyboardInterrupt(), ValueError()])
def test_model_and_key_are_removed_after_any_failure(failure: BaseException) -> None:
    fake = FakeLiteLLM()

    def measure(gateway: GatewayClient) -> None:
        with (
            temporary_model(gateway, MASTER, "shop", BASE) as model,
            temporary_key(gateway, MASTER, "shop", model),
        ):
            assert (len(fake.stored), len(fake.keys)) == (1, 1)
            raise failure

    with served(fake) as gateway, pytest.raises(type(failure)):
        measure(gateway)

    assert fake.stored == ()
    assert fake.keys == {}


def test_what_was_created_without_an_answer_is_removed() -> None:
    fake = FakeLiteLLM()
    answer_too_late(fake, "/model/new")
    answer_too_late(fake, "/key/generate")

    with served(fake) as gateway:
        with pytest.raises(GatewayTimeout), temporary_model(gateway, MASTER, "shop", BASE):
            pass
        with pytest.raises(GatewayTimeout), temporary_key(gateway, MASTER, "shop", "m"):
            pass

    assert {"/model/new", "/key/generate"} <= set(fake.paths())
    assert fake.stored == ()
    assert fake.keys == {}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("{'error': \"Set `'STORE_MODEL_IN_DB='True'` in your env\"}", "store_model_in_db: true"),
        ("{'error': 'Something else'}", "logs litellm"),
    ],
)
def test_a_model_that_is_refused_has_the_hint_of_its_cause_and_is_not_deleted(
    words: str, hint: str
) -> None:
    fake = FakeLiteLLM()
    fake.planted["/model/new"] = lambda _: error(500, words)

    with served(fake) as gateway, pytest.raises(GatewayRefused) as caught:  # noqa: SIM117
        with temporary_model(gateway, MASTER, "shop", BASE):
            pass

    assert hint in caught.value.hint
    assert "/model/delete" not in fake.paths()


def test_the_key_of_a_project_with_a_longer_name_stays() -> None:
    fake = FakeLiteLLM()
    theirs = fake.add("sk-theirs-0123456789", "gatewayctl-bench-shop-two-0a0b0c0d")
    left = fake.add("sk-left-0123456789", "gatewayctl-bench-shop-0a0b0c0d")

    with served(fake) as gateway, temporary_key(gateway, MASTER, "shop", "m"):
        assert theirs in fake.keys
        assert left not in fake.keys


def test_what_cannot_be_removed_does_not_hide_the_result(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeLiteLLM()
    fake.planted["/model/delete"] = lambda _: error(500, "boom")

    with served(fake) as gateway, temporary_model(gateway, MASTER, "shop", BASE):
        pass

    assert "Could not remove the model gatewayctl-bench-shop" in caplog.text
