"""Every runtime has the same release of LiteLLM and of Phoenix, and that release is a good one."""

from __future__ import annotations

import re

import pytest

from gatewayctl.operations.diagnosis.advisories import find_advisories
from gatewayctl.runtimes.embedded.environment import LOCKS
from gatewayctl.settings.model import LITELLM_RELEASE, PHOENIX_RELEASE, Images
from tests.golden.expected import ROOT


@pytest.mark.parametrize(
    ("lock", "package", "release"),
    [("litellm", "litellm", LITELLM_RELEASE), ("phoenix", "arize-phoenix", PHOENIX_RELEASE)],
)
def test_the_embedded_lock_has_the_release_of_the_docker_image(
    lock: str, package: str, release: str
) -> None:
    text = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8")

    assert re.findall(rf"^{package}==(\S+)", text, re.MULTILINE) == [release]


@pytest.mark.parametrize("page", ["docs/docker.md", "docs/deployment/production.md"])
def test_the_documentation_names_the_default_images(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    assert Images().litellm in text
    assert Images().phoenix in text


def test_no_advisory_is_about_the_default_release() -> None:
    assert find_advisories(LITELLM_RELEASE, image=False) == ()
    assert find_advisories(Images().litellm, image=True) == ()
