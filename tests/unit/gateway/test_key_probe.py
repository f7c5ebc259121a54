from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayRefused, GatewayUnreachable, VirtualKeyRefused
from gatewayctl.gateway.key_probe import is_management_refused, probe_key
from gatewayctl.settings.model import Secret
from tests.fakes.answers import refuse_connection
from tests.fakes.litellm import FakeLiteLLM, served

SECRET = Secret("sk-app-0123456789abcdef")


def test_a_key_is_checked_by_listing_its_models() -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET.reveal(), "app", models=["demo"])
    ticks = iter([1.0, 1.25])

    with served(fake) as gateway:
        probe = probe_key(gateway, SECRET, clock=lambda: next(ticks))

    assert (probe.models, probe.latency_ms) == (("demo",), 250.0)
    assert fake.paths() == ["/v1/models"]


def test_a_key_that_litellm_does_not_know_is_refused() -> None:
    with served(FakeLiteLLM()) as gateway, pytest.raises(VirtualKeyRefused):
        probe_key(gateway, SECRET)


def test_an_answer_without_models_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/models"] = lambda _: httpx.Response(200, json={"data": None})

    with served(fake) as gateway, pytest.raises(GatewayRefused, match="without a list of models"):
        probe_key(gateway, SECRET)


def test_management_is_refused_to_an_applications_key_and_allowed_to_the_master_key() -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET.reveal(), "app")

    with served(fake) as gateway:
        assert is_management_refused(gateway, SECRET)
        assert not is_management_refused(gateway, Secret(fake.master))


def test_a_server_error_of_litellm_is_not_a_refusal() -> None:
    fake = FakeLiteLLM()
    fake.planted["/key/list"] = lambda _: httpx.Response(503)

    with served(fake) as gateway, pytest.raises(GatewayRefused, match="503"):
        is_management_refused(gateway, SECRET)


def test_an_unreachable_address_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/key/list"] = refuse_connection

    with served(fake) as gateway, pytest.raises(GatewayUnreachable):
        is_management_refused(gateway, SECRET)
