"""LiteLLM's password is part of a URL, which Kubernetes composes without escaping it."""

from __future__ import annotations

import base64

import pytest

from gatewayctl.errors import SettingsInvalid, SettingsProblem
from gatewayctl.generators import drain
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack


def test_a_password_that_no_url_can_contain_is_refused_where_the_pods_get_it(stack: Stack) -> None:
    stack.env["LITELLM_POSTGRES_PASSWORD"] = "p@ss"

    with pytest.raises(SettingsInvalid, match="LITELLM_POSTGRES_PASSWORD may contain only"):
        stack.runtime.preflight()

    for elsewhere in ("postgres: cloudnative-pg", "secrets: {from: vault}"):
        stack.yaml = f"kubernetes: {{{elsewhere}}}\n"
        stack.runtime.preflight()


def test_a_password_in_an_existing_secret_that_no_url_can_contain_is_refused(stack: Stack) -> None:
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    secret = stack.cluster.add("Secret", "vault")
    password = base64.b64encode(b"p@ss/word").decode()
    secret["data"] = dict.fromkeys(SECRETS, "eA==") | {"LITELLM_POSTGRES_PASSWORD": password}

    with pytest.raises(SettingsProblem, match=r"in the Secret vault \(.*\) may contain") as refused:
        drain(stack.runtime.start())

    assert "p@ss" not in refused.value.message + (refused.value.hint or "")
    assert stack.cluster.of("Pod") == {}
