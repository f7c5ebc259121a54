"""``gatewayctl down``, ``reset`` and ``restart``, as scripts see them."""

from __future__ import annotations

from tests.fakes.answers import silent_stack
from tests.fakes.runtime import SERVICES
from tests.integration.stack_project import Project, document

# down


def test_down_stops_everything(ready: Project) -> None:
    result = ready.run("down")

    assert (result.exit_code, ready.runtime.running) == (0, set())
    assert result.stdout.splitlines()[0] == "Stopped: postgres, litellm, phoenix."
    assert document(ready.run("down", "--json"))["data"] == {
        "project": "shop",
        "stopped": [],
        "data_place": ".gatewayctl/",
        "data_removed": False,
        "external": [],
        "changed": False,
    }


def test_data_is_not_removed_without_a_terminal_and_without_yes(ready: Project) -> None:
    text = ready.run("down", "--volumes")
    found = document(ready.run("down", "--volumes", "--json"))

    assert text.exit_code == 2
    assert "This deletes every key, all spend and all traces" in text.stderr
    assert "--yes" in text.stderr
    assert found["error"]["code"] == "confirmation_required"
    assert ready.runtime.calls == []


def test_data_is_removed_with_yes(ready: Project) -> None:
    result = ready.run("down", "--volumes", "--yes")

    assert result.exit_code == 0
    assert ready.runtime.calls == ["stop --remove-data"]


# reset


def test_a_reset_is_not_done_without_a_terminal_and_without_yes(ready: Project) -> None:
    before = ready.secrets()

    text = ready.run("reset")
    found = document(ready.run("reset", "--json"))

    assert text.exit_code == 2
    assert "2 virtual keys, spend $0.0000" in text.stderr
    assert found["error"]["code"] == "confirmation_required"
    assert ready.runtime.calls == []
    assert ready.secrets() == before


def test_a_reset_with_yes_recreates_the_keys(ready: Project) -> None:
    before = ready.secrets()
    ready.litellm.keys.clear()  # as the emptied database has it

    found = document(ready.run("reset", "--yes", "--json"))

    assert (found["command"], found["status"]) == ("reset", "success")
    assert "empty_litellm_database" in ready.runtime.calls
    assert ready.secrets()["LITELLM_API_KEY"] != before["LITELLM_API_KEY"]
    assert ready.secrets()["LITELLM_MASTER_KEY"] == before["LITELLM_MASTER_KEY"]


def test_a_reset_of_a_gateway_that_does_not_answer_reports_an_unknown_loss(
    ready: Project,
) -> None:
    ready.litellm = silent_stack()

    result = ready.run("reset")

    assert result.exit_code == 2
    lost = "an unknown number of virtual keys (also those not created by gatewayctl), spend unknown"
    assert lost in result.stderr


def test_keys_that_gatewayctl_did_not_create_are_named_before_a_reset(ready: Project) -> None:
    ready.litellm.add("sk-of-the-ui-0123456789", "made-by-hand")

    text = ready.run("reset")
    refused = document(ready.run("reset", "--json"))
    ready.litellm.keys.clear()
    ready.litellm.add("sk-of-the-ui-0123456789", "made-by-hand")
    done = document(ready.run("reset", "--yes", "--json"))

    assert "3 virtual keys (1 not created by gatewayctl: made-by-hand)" in text.stderr
    assert "made-by-hand" in refused["error"]["message"]
    assert done["data"]["lost"]["foreign_keys"] == ["made-by-hand"]


# restart


def test_restart_of_one_service(ready: Project) -> None:
    result = ready.run("restart", "litellm")

    assert result.exit_code == 0
    assert result.stdout.startswith("Restarted: litellm.\n")
    assert "restart litellm" in ready.runtime.calls


def test_restart_as_a_document(ready: Project) -> None:
    found = document(ready.run("restart", "--json"))

    assert found["command"] == "restart"
    assert found["data"]["restarted"] == list(SERVICES)


def test_an_unknown_service_is_exit_code_4_and_nothing_is_restarted(ready: Project) -> None:
    for words in (["restart", "redis"], ["logs", "redis"]):
        result = ready.run(*words)
        assert result.exit_code == 4
        assert "This project has no service 'redis'." in result.stderr
    assert not any(call.startswith("restart") for call in ready.runtime.calls)
