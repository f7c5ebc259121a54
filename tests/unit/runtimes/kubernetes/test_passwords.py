"""LiteLLM's password is part of a URL, which Kubernetes composes without escaping it."""

from __future__ import annotations

import pytest

from gatewayctl.errors import SettingsInvalid
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack, encoded


def test_a_password_that_no_url_can_contain_is_refused_where_the_pods_get_it(stack: Stack) -> None:
    stack.env["LITELLM_POSTGRES_PASSWORD"] = "p@ss"

    with pytest.raises(SettingsInvalid, match="LITELLM_POSTGRES_PASSWORD may contain only"):
        stack.runtime.preflight()

    stack.cluster.add("Namespace", "shop")
    theirs = encoded(SECRETS) | {"LITELLM_POSTGRES_PASSWORD": "eA=="}
    stack.cluster.add("Secret", "vault")["data"] = theirs
    for elsewhere in ("postgres: cloudnative-pg", "secrets: {from: vault}"):
        stack.yaml = f"kubernetes: {{{elsewhere}}}\n"
        stack.runtime.preflight()
