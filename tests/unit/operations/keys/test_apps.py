"""Which apps are named when a virtual key changes."""

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


def test_changed_keys_name_the_apps_that_have_the_old_one(settings: Settings) -> None:
    assert warn_outdated_apps(settings, ["litellm-eval"]) == ()
    assert warn_outdated_apps(settings, ["litellm-dev"]) == (
        "Run `gatewayctl up`, so that shop gets the new key.",
    )
