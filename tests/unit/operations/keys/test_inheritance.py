"""How long the new key of an undeclared one is valid, whichever verb replaces it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewayctl.errors import UsageProblem
from gatewayctl.generators import drain
from gatewayctl.operations.keys.create import ensure_keys
from gatewayctl.operations.keys.rotate import rotate_key
from gatewayctl.settings.declared.keys import DeclaredKey
from tests.fakes.litellm import served
from tests.fakes.projects import project
from tests.unit.operations.keys.desk import NOW, SECRET, Desk

PAST = "2026-11-22T00:00:00Z"


def rotate(desk: Desk) -> None:
    desk.run(rotate_key, "tmp")


def create(desk: Desk, duration: str | None = None) -> tuple[str, ...]:
    settings = project(desk.folder, desk.config)
    wanted = DeclaredKey(alias="tmp", env="TMP_KEY", duration=duration)
    with served(desk.fake) as gateway:
        return drain(ensure_keys(settings, gateway, [wanted], now=lambda: NOW)).warnings


VERBS = pytest.mark.parametrize("verb", [rotate, create])


def arrange(desk: Desk, *, duration: object = None, expires: str | None = PAST) -> str:
    """Put an undeclared key into .env and LiteLLM."""
    desk.write(f"TMP_KEY={SECRET}")
    marks = {"gatewayctl_env": "TMP_KEY"}
    recorded = {} if duration is None else {"gatewayctl_duration": duration}
    return desk.add(alias="tmp", expires=expires, metadata=marks | recorded)


@VERBS
def test_an_expired_key_is_replaced_by_one_of_the_same_duration(
    desk: Desk, verb: Callable[[Desk], object]
) -> None:
    old = arrange(desk, duration="30d")

    verb(desk)

    sent = desk.fake.sent("/key/generate")
    assert sent["duration"] == "30d"
    assert sent["metadata"]["gatewayctl_duration"] == "30d"
    assert old not in desk.fake.keys


@VERBS
@pytest.mark.parametrize("duration", [None, "soon", 30])
def test_an_expired_key_without_a_known_duration_is_not_replaced_by_one_that_never_expires(
    desk: Desk, verb: Callable[[Desk], object], duration: object
) -> None:
    old = arrange(desk, duration=duration)

    with pytest.raises(UsageProblem, match="no duration is recorded") as refused:
        verb(desk)

    assert "`gatewayctl keys create tmp --duration 30d`" in refused.value.hint
    assert list(desk.fake.keys) == [old]
    assert desk.stored("TMP_KEY") == SECRET


def test_an_expired_key_whose_secret_is_lost_needs_a_duration_too(desk: Desk) -> None:
    old = arrange(desk)
    desk.write()

    with pytest.raises(UsageProblem, match="no duration is recorded"):
        create(desk)

    assert (list(desk.fake.keys), desk.stored("TMP_KEY")) == ([old], None)


def test_the_hint_names_the_variable_of_the_key_if_it_is_not_the_usual_one(desk: Desk) -> None:
    desk.write(f"OTHER_KEY={SECRET}")
    desk.add(alias="tmp", expires=PAST, metadata={"gatewayctl_env": "OTHER_KEY"})

    with pytest.raises(UsageProblem) as refused:
        rotate(desk)

    assert "keys create tmp --env OTHER_KEY --duration 30d" in refused.value.hint


def test_a_requested_duration_replaces_that_of_an_expired_key(desk: Desk) -> None:
    arrange(desk)

    create(desk, "7d")

    sent = desk.fake.sent("/key/generate")
    assert (sent["duration"], sent["metadata"]["gatewayctl_duration"]) == ("7d", "7d")


def test_a_valid_key_that_is_rotated_keeps_its_duration_and_its_end(desk: Desk) -> None:
    arrange(desk, duration="30d", expires="2026-11-23T00:00:05Z")

    rotate(desk)

    sent = desk.fake.sent("/key/generate")
    assert (sent["duration"], sent["metadata"]["gatewayctl_duration"]) == ("5s", "30d")


@VERBS
def test_a_key_that_never_expires_stays_so(desk: Desk, verb: Callable[[Desk], object]) -> None:
    arrange(desk, duration="30d", expires=None)
    if verb is create:
        desk.write()

    verb(desk)

    sent = desk.fake.sent("/key/generate")
    assert "duration" not in sent
    assert "gatewayctl_duration" not in sent["metadata"]


def test_a_secret_that_litellm_does_not_know_is_not_registered_forever_without_a_warning(
    desk: Desk,
) -> None:
    desk.write(f"TMP_KEY={SECRET}")

    warnings = create(desk)

    assert warnings == ("tmp is registered without --duration, so it never expires.",)
