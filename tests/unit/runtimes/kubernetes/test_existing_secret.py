from __future__ import annotations

import base64

import pytest

from gatewayctl.errors import SettingsProblem
from gatewayctl.generators import drain
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack


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


def test_a_mounted_file_that_an_existing_secret_lacks_is_refused(stack: Stack) -> None:
    """The pods take the files of services.litellm.mounts from it, too."""
    stack.yaml = (
        "kubernetes: {secrets: {from: vault}}\n"
        "services: {litellm: {mounts: {/etc/vertex.json: vertex.json}}}\n"
    )
    stack.folder.mkdir(parents=True, exist_ok=True)
    (stack.folder / "vertex.json").write_text("{}")
    stack.cluster.add("Namespace", "shop")
    stack.cluster.add("Secret", "vault")["data"] = dict.fromkeys(SECRETS, "eA==")

    with pytest.raises(SettingsProblem, match=r"has no etc_vertex\.json"):
        drain(stack.runtime.start())

    assert stack.cluster.of("Pod") == {}
