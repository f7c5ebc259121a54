from __future__ import annotations

import httpx
import pytest

from gatewayctl.errors import GatewayRefused, UpstreamRefused
from gatewayctl.gateway.deprecations import Deprecation, list_deprecations
from gatewayctl.gateway.models import ServedModel, list_served_models, probe_model
from gatewayctl.settings.model import Secret
from tests.fakes import litellm
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.projects import MASTER_KEY

MASTER = Secret(MASTER_KEY)


def test_deployments_of_one_name_are_one_model_group() -> None:
    fake = FakeLiteLLM()
    rows = [
        {"model_name": "fast", "litellm_params": {"model": "openai/a"}},
        {"model_name": "slow", "litellm_params": {"model": "openai/c"}},
        {"model_name": "fast", "litellm_params": {"model": "azure/b"}},
        {"model_name": "fast", "litellm_params": {"model": "openai/a"}},
    ]
    fake.planted["/model/info"] = lambda _: httpx.Response(200, json={"data": rows})

    with litellm.served(fake) as gateway:
        groups = list_served_models(gateway, MASTER)

    assert groups == (
        ServedModel(name="fast", upstreams=("openai/a", "azure/b")),
        ServedModel(name="slow", upstreams=("openai/c",)),
    )


def test_a_list_of_another_shape_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/model/info"] = lambda _: httpx.Response(200, json={"data": "none"})

    with litellm.served(fake) as gateway, pytest.raises(GatewayRefused, match="list of models"):
        list_served_models(gateway, MASTER)


def test_a_check_is_one_small_call_without_retries() -> None:
    fake = FakeLiteLLM()

    with litellm.served(fake) as gateway:
        probe_model(gateway, MASTER, "demo")

    body = fake.sent("/v1/chat/completions")
    assert len(fake.requests) == 1
    assert (body["model"], body["max_tokens"], body["num_retries"]) == ("demo", 16, 0)
    # Spend logs have the call, so its spans must not be suppressed.
    assert "traceparent" not in fake.requests[0].headers


def test_a_providers_refusal_is_not_a_refused_master_key() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/chat/completions"] = lambda _: litellm.error(
        401, "litellm.AuthenticationError: OpenAIException - no", kind="authentication_error"
    )

    with litellm.served(fake) as gateway, pytest.raises(UpstreamRefused, match="credentials"):
        probe_model(gateway, MASTER, "demo")


def test_an_answer_without_a_completion_is_an_error() -> None:
    fake = FakeLiteLLM()
    fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, json={"choices": []})

    with litellm.served(fake) as gateway, pytest.raises(GatewayRefused, match="completion"):
        probe_model(gateway, MASTER, "demo")


def test_deprecated_models_are_listed_with_their_date() -> None:
    fake = FakeLiteLLM()
    row = {"model_name": "old", "deprecation_date": "2026-12-11"}
    answer = {"deprecated": [], "imminent": [row], "upcoming": [row]}
    fake.planted["/v1/model/deprecations"] = lambda _: httpx.Response(200, json=answer)

    with litellm.served(fake) as gateway:
        found = list_deprecations(gateway, MASTER)

    assert found == (Deprecation(model="old", date="2026-12-11"),)
