"""Keys that another process creates or changes during `keys create`."""

from __future__ import annotations

from pathlib import Path

import httpx

from gatewayctl.env_file.write import update_env_file
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import ensure_declared_keys
from tests.fakes.litellm import FakeLiteLLM, served, sha256
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.keys.creation import ONE_KEY, OURS, SECRET, create, statuses, stored


def test_a_secret_that_another_process_wrote_first_is_registered(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def meanwhile(request: httpx.Request) -> httpx.Response:
        update_env_file(tmp_path / ".env", {"APP_KEY": SECRET})
        return fake._key_list(request)

    fake.planted["/key/list"] = meanwhile

    report = create(tmp_path, fake)

    assert stored(tmp_path) == SECRET
    assert list(fake.keys) == [sha256(SECRET)]
    assert statuses(report) == {"app": "registered"}


def test_a_registration_that_another_process_finished_counts_as_existing(tmp_path: Path) -> None:
    fake = FakeLiteLLM()

    def meanwhile(request: httpx.Request) -> httpx.Response:
        fake.add(SECRET, "app", metadata=OURS)
        return fake._key_generate(request)

    fake.planted["/key/generate"] = meanwhile

    report = create(tmp_path, fake, values=f"APP_KEY={SECRET}\n")

    assert statuses(report) == {"app": "exists"}


def test_a_secret_that_was_rotated_since_the_settings_were_read_stays_the_key(
    tmp_path: Path,
) -> None:
    fake = FakeLiteLLM()
    env = f"LITELLM_MASTER_KEY={MASTER_KEY}\nAPP_KEY=sk-older-0123456789abcdef\n"
    settings = project(tmp_path, ONE_KEY, env=env)
    update_env_file(tmp_path / ".env", {"APP_KEY": SECRET})
    rotated = fake.add(SECRET, "app", models=["demo"], metadata=OURS)

    with served(fake) as gateway:
        report = drain(ensure_declared_keys(settings, gateway))

    assert statuses(report) == {"app": "exists"}
    assert list(fake.keys) == [rotated]
