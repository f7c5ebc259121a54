from __future__ import annotations

from datetime import UTC, datetime

from gatewayctl.operations.upgrade.rollback import RollbackPlan
from gatewayctl.output.upgrade import describe_rollback
from gatewayctl.runtimes.releases import Release

OLD = Release(name="registry/litellm:v1.106.2", version="1.106.2")
NEW = Release(name="registry/litellm:v1.108.14", version="1.108.14")
ROWS = {"LiteLLM_VerificationToken": 2, "LiteLLM_SpendLogs": 7}


def describe(restores: bool | None, *, after: Release = OLD) -> str:
    at = datetime(2026, 11, 23, 18, 41, tzinfo=UTC)
    now = None if restores is None else {**ROWS, "LiteLLM_SpendLogs": 9}
    return describe_rollback(
        RollbackPlan(
            before=NEW, after=after, at=at, backup=None, restores=restores, now=now, then=ROWS
        )
    )


def test_what_a_rollback_would_lose_is_counted() -> None:
    assert "2 virtual keys and 7 logged requests, instead of 2 virtual keys and 9" in describe(
        restores=True
    )


def test_an_unknown_migration_promises_nothing() -> None:
    assert "not known yet" in describe(restores=None)
    assert "all data stays" in describe(restores=False)


def test_the_same_version_of_a_mirror_is_shown_by_its_name() -> None:
    mirror = Release(name="mirror/litellm:v1.108.14", version="1.108.14")

    assert "registry/litellm:v1.108.14 -> mirror/litellm:v1.108.14" in describe(
        restores=False, after=mirror
    )
