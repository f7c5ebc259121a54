from __future__ import annotations

import base64

import pytest

from gatewayctl.errors import SettingsProblem
from gatewayctl.generators import drain
from tests.unit.runtimes.kubernetes.stack import SECRETS, Stack, encoded


def test_a_password_in_an_existing_secret_that_no_url_can_contain_is_refused(stack: Stack) -> None:
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    secret = stack.cluster.add("Secret", "vault")
    password = base64.b64encode(b"p@ss/word").decode()
    secret["data"] = encoded(SECRETS) | {"LITELLM_POSTGRES_PASSWORD": password}

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
    stack.cluster.add("Secret", "vault")["data"] = encoded(SECRETS)

    with pytest.raises(SettingsProblem, match=r"has no etc_vertex\.json"):
        drain(stack.runtime.start())

    assert stack.cluster.of("Pod") == {}


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"])
def test_an_existing_secret_with_another_key_than_env_is_refused_before_anything_is_made(
    stack: Stack, name: str
) -> None:
    """Virtual keys could not be created, or a backup not be decrypted."""
    stack.yaml = "kubernetes: {secrets: {from: vault}}\n"
    stack.cluster.add("Namespace", "shop")
    stack.cluster.add("Secret", "vault")["data"] = encoded({**SECRETS, name: "sk-theirs-01234567"})
    before = set(stack.cluster.objects)

    for verb in (stack.runtime.preflight, lambda: drain(stack.runtime.start())):
        with pytest.raises(SettingsProblem, match=rf"{name} in the Secret vault .* is not") as no:
            verb()
        assert "sk-theirs" not in no.value.message + (no.value.hint or "")

    assert set(stack.cluster.objects) == before
