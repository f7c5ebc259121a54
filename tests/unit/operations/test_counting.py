"""How far a verb is: told where there is much to do, and only there."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from gatewayctl.generators import drain
from gatewayctl.operations.counting import handle_all, read_all
from gatewayctl.operations.keys.check import check_keys
from gatewayctl.operations.keys.create import ensure_declared_keys
from gatewayctl.operations.keys.list import list_keys
from gatewayctl.operations.keys.sync import sync_keys
from gatewayctl.runtimes.base import Progress
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.projects import MASTER_KEY, project


def line(event: Progress) -> str:
    return f"{event.subject} {event.state}: {event.detail}"


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (999, []),
        (1000, ["keys working: 1,000 read", "keys ready: 1,000 read"]),
        (1001, ["keys working: 1,000 read", "keys ready: 1,001 read"]),
    ],
)
def test_each_thousand_that_was_read_is_told(count: int, expected: list[str]) -> None:
    told = list[str]()

    found = drain(read_all("keys", iter(range(count))), lambda event: told.append(line(event)))

    assert found == tuple(range(count))
    assert told == expected


def test_each_of_many_is_told_and_few_are_not() -> None:
    few, many = list[Progress](), list[Progress]()

    assert drain(handle_all("keys", "a" * 19, str.upper, handled="done"), few.append) == ["A"] * 19
    assert drain(handle_all("keys", "a" * 20, str.upper, handled="done"), many.append) == ["A"] * 20

    assert few == []
    assert [line(event) for event in many[-2:]] == [
        "keys working: 19 of 20 done",
        "keys ready: 20 of 20 done",
    ]
    assert [event.fraction for event in many] == [number / 20 for number in range(1, 21)]


@pytest.mark.parametrize(
    ("verb", "last"),
    [
        (ensure_declared_keys, "keys ready: 20 of 20 processed"),
        (sync_keys, "keys ready: 20 of 20 processed"),
        (check_keys, "keys ready: 20 of 20 checked"),
    ],
)
def test_the_verbs_of_keys_tell_how_many_are_done(
    tmp_path: Path, verb: Callable[..., Generator[Progress, None, object]], last: str
) -> None:
    declared = "".join(f"  app-{number}: APP_{number}_KEY\n" for number in range(20))
    settings = project(tmp_path, f"keys:\n{declared}", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    told = list[str]()

    with served(FakeLiteLLM()) as gateway:
        drain(verb(settings, gateway), lambda event: told.append(line(event)))

    assert told[-1] == last


def test_keys_list_tells_how_many_were_read(tmp_path: Path) -> None:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    fake, told = FakeLiteLLM(), list[str]()
    for number in range(1000):
        fake.add(f"sk-{number}", f"alias-{number}")

    with served(fake) as gateway:
        drain(list_keys(settings, gateway), lambda event: told.append(line(event)))

    assert told == ["keys working: 1,000 read", "keys ready: 1,000 read"]
