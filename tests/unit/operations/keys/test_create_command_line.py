"""Keys requested on the command line, which gateway.yaml does not declare."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import KeysCreateReport, ensure_keys
from gatewayctl.settings.declared.keys import DeclaredKey
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.operations.keys.creation import OURS, SECRET, statuses


def test_a_key_of_the_command_line_expires_as_litellm_reports(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"alias": "mine", "env": "MINE_KEY", "duration": "30d"}
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    fake = FakeLiteLLM()

    with served(fake) as gateway:
        report = drain(ensure_keys(settings, gateway, [DeclaredKey(**wanted)]))

    assert fake.sent("/key/generate")["duration"] == "30d"
    assert str(report.keys[0].expires) == "2027-01-01 00:00:00+00:00"


def create(
    folder: Path, fake: FakeLiteLLM, wanted: DeclaredKey, env: str = "MINE_KEY=\n"
) -> KeysCreateReport:
    """Request a key on the command line, in a project with ``env``."""
    settings = project(folder, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n{env}")
    with served(fake) as gateway:
        return drain(
            ensure_keys(settings, gateway, [wanted], now=lambda: datetime(2026, 12, 31, tzinfo=UTC))
        )


def test_a_lost_key_of_the_command_line_is_not_replaced_by_a_wider_one(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(
        "sk-lost-0123456789abcdef",
        "mine",
        models=["demo"],
        metadata={**OURS, "team": "search"},
        expires="2027-01-01T00:00:00Z",
    )

    report = create(tmp_path, fake, DeclaredKey(alias="mine", env="MINE_KEY"))

    body = fake.sent("/key/generate")
    assert statuses(report) == {"mine": "replaced"}
    assert (body["models"], body["metadata"]["team"]) == (["demo"], "search")
    assert body["duration"] == "86400s"


def test_a_key_that_exists_with_other_models_is_kept_with_a_warning(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    fake.add(SECRET, "mine", models=["demo"], metadata=OURS)
    env = f"MINE_KEY={SECRET}\n"

    wanted = DeclaredKey(alias="mine", env="MINE_KEY", models=("gpt-4o",))
    any_models = DeclaredKey(alias="mine", env="MINE_KEY")

    report = create(tmp_path, fake, wanted, env)
    assert report.warnings == ("mine exists with models demo, not gpt-4o; it was not changed.",)
    assert report.keys[0].models == ("demo",)
    assert create(tmp_path, fake, any_models, env).warnings == ()
