from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from gatewayctl.errors import Interrupted, Locked, ServiceFailed
from gatewayctl.operations.state import exclusive
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.exclusive import LONG_VERBS, Change, change_project
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path)


def test_short_verbs_wait_for_each_other_by_default(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    first = hold_lock(settings.state_dir, "keys create")
    first.__enter__()
    ending = threading.Timer(0.1, lambda: first.__exit__(None, None, None))
    ending.start()

    with change_project(settings, "keys rotate", "app"):
        assert not ending.is_alive()

    assert "Waiting up to 30 s" in caplog.text
    assert "gatewayctl keys create (pid" in caplog.text


def test_many_short_verbs_at_once_all_get_their_turn(settings: Settings) -> None:
    done: list[int] = []

    def change(number: int) -> None:
        for _ in range(5):
            with change_project(settings, "keys create"):
                done.append(number)
                time.sleep(0.001)

    shells = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for shell in shells:
        shell.start()
    for shell in shells:
        shell.join()

    assert sorted(done) == sorted(5 * list(range(8)))


@pytest.mark.parametrize("verb", sorted(LONG_VERBS))
def test_long_verbs_do_not_wait_by_default(settings: Settings, verb: str) -> None:
    began = time.monotonic()

    with (
        hold_lock(settings.state_dir, "up"),
        pytest.raises(Locked, match=r"gatewayctl up \(pid"),
        change_project(settings, verb),
    ):
        pass

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("verb", ["keys create", "up"])
def test_a_given_time_counts_for_every_verb(tmp_path: Path, verb: str) -> None:
    settings = project(tmp_path, "lock_timeout: 0.02\n")

    with (
        hold_lock(settings.state_dir, "up"),
        pytest.raises(Locked, match=r"Waited 0\.02 s"),
        change_project(settings, verb),
    ):
        pass


def change_and_raise(settings: Settings, error: BaseException, **told: str) -> None:
    with change_project(settings, "reset") as change:
        assert change == Change()
        for name, text in told.items():
            setattr(change, name, text)
        raise error


def test_an_interrupted_verb_tells_what_is_true_and_how_to_go_on(settings: Settings) -> None:
    with pytest.raises(Interrupted) as caught:
        change_and_raise(settings, KeyboardInterrupt(), state="Half is gone.", way_on="Do B.")

    assert (caught.value.message, caught.value.hint) == ("Interrupted. Half is gone.", "Do B.")
    assert read_audit(settings.state_dir).entries[-1].outcome == "interrupted"


def test_an_interrupted_verb_that_tells_nothing_can_be_run_again(settings: Settings) -> None:
    with pytest.raises(Interrupted) as caught:
        change_and_raise(settings, KeyboardInterrupt())

    assert (caught.value.message, caught.value.hint) == ("Interrupted.", Interrupted.remedy)


def test_a_verb_interrupted_while_it_waits_has_changed_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exclusive, "hold_lock", press)
    with (
        pytest.raises(Interrupted, match="Nothing was changed"),
        change_project(settings, "keys create"),
    ):
        pass


def test_a_failure_past_the_point_of_no_return_names_the_way_on_first(settings: Settings) -> None:
    with pytest.raises(ServiceFailed) as before:
        change_and_raise(settings, ServiceFailed("It ended.", hint="See the log."))
    with pytest.raises(ServiceFailed) as after:
        change_and_raise(settings, ServiceFailed("It ended.", hint="See the log."), way_on="Do B.")

    assert (before.value.hint, after.value.hint) == ("See the log.", "Do B. See the log.")
