"""The warning about apps that use a virtual key that changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.keys.apps import warn_outdated_apps
from gatewayctl.settings.model import Settings
from tests.fakes.projects import MASTER_KEY, project

APPS = 'apps: {shop: {image: "shop:1", key: litellm-dev}}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, APPS, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


def test_a_changed_key_warns_of_the_apps_that_use_it(settings: Settings) -> None:
    assert warn_outdated_apps(settings, ["litellm-eval"]) == ()
    assert warn_outdated_apps(settings, ["litellm-dev"]) == (
        "Run `gatewayctl up` to pass the new key to shop.",
    )
