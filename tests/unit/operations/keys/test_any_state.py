"""From any state that a crash or an edit can leave, one run ends with one live key in .env."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayctl.generators import drain
from gatewayctl.operations.keys.check import check_keys
from gatewayctl.operations.keys.create import ensure_keys
from gatewayctl.operations.keys.sync import sync_keys
from tests.fakes.litellm import FakeLiteLLM, served, sha256
from tests.fakes.projects import project
from tests.unit.operations.keys.desk import NOW, Desk

KEYS = {
    "current": "sk-current-0123456789abcdef",
    "twin": "sk-twin-0123456789abcdef",
    "next": "sk-next-0123456789abcdef",
    "old": "sk-old-0123456789abcdef",
}
Ending = Literal["live", "expired"]
State = tuple[tuple[Ending | None, ...], str | None]
"""For each key whether LiteLLM has it; and the value in .env."""
ENDINGS: tuple[Ending | None, ...] = (None, "live", "expired")
VALUES = (None, *KEYS, "sk-unknown-0123456789abc", "changeme")
# A list of all states, so that none is tried twice.
STATES: list[State] = list(product(product(ENDINGS, repeat=len(KEYS)), VALUES))


def arrange(desk: Desk, present: dict[str, Ending], stored: str | None) -> None:
    desk.write(*([] if stored is None else [f"APP_KEY={KEYS.get(stored, stored)}"]))
    for name, ending in present.items():
        mark = {} if name in {"current", "twin"} else {"gatewayctl_alias": "app"}
        alias = {"next": "app@next", "old": "app@old-1"}.get(name, "app")
        day = 24 if ending == "live" else 22
        expires = f"2026-11-{day}T00:00:00Z"
        desk.add(KEYS[name], alias, expires=expires, metadata=mark)


def create(desk: Desk) -> None:
    loaded = project(desk.folder, desk.config)
    with served(desk.fake) as gateway:
        drain(ensure_keys(loaded, gateway, loaded.keys, now=lambda: NOW))


@pytest.mark.parametrize("verb", ["create", "check --fix", "sync"])
@given(state=st.sampled_from(STATES))
@settings(max_examples=30)
def test_one_run_ends_with_one_live_key_that_env_holds(verb: str, state: State) -> None:
    endings, stored = state
    present = {name: ending for name, ending in zip(KEYS, endings, strict=True) if ending}
    with TemporaryDirectory() as folder:
        desk = Desk(folder=Path(folder), fake=FakeLiteLLM())
        arrange(desk, present, stored)

        if verb == "create":
            create(desk)
        elif verb == "sync":
            assert desk.run(sync_keys).problem is None
        else:
            assert desk.run(check_keys, fix=True).problem is None

        secret = desk.stored()
        current = [row for row in desk.fake.keys.values() if row["key_alias"] == "app"]
        others = [row for row in desk.fake.keys.values() if row["key_alias"] != "app"]
        assert secret is not None
        assert [row["token"] for row in current] == [sha256(secret)]
        assert [
            datetime.fromisoformat(row["expires"] or "2030-01-01T00:00:00Z") > NOW
            for row in current
        ] == [True]
        # Only keys in their grace period, or just after it, are left.
        assert all(row["key_alias"].startswith("app@old-") for row in others)
        assert not desk.run(check_keys).problem
