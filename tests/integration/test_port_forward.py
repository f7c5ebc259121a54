"""Requests through the port-forward of a project, and the pods that answer them."""

from __future__ import annotations

import os
import threading
import time

import httpx
import psutil

from gatewayctl.runtimes.kubernetes import access
from tests.fakes.http_server import listening
from tests.integration.forwarded_project import (
    SECONDS,
    Forwarded,
    pod,
    until,
)


def test_a_request_reaches_a_pod_and_the_next_start_changes_nothing(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        assert forwarded.ask() == "litellm-1"

        began = time.process_time()
        assert forwarded.start() == pid
        access.resume(forwarded.settings)
        assert time.process_time() - began < 0.1
        assert access.owns_port(forwarded.settings, forwarded.settings.ports.litellm)
        assert not access.owns_port(forwarded.settings, 1)


def test_the_process_is_in_a_session_of_its_own_and_listens_on_this_machine_only(
    forwarded: Forwarded,
) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()

        assert os.getsid(pid) == pid
        listening_on = {
            each.laddr.ip
            for process in forwarded.processes()
            for each in process.net_connections()
            if each.status == psutil.CONN_LISTEN
        }
        assert listening_on == {"127.0.0.1"}


def test_requests_change_to_another_pod_when_theirs_is_being_deleted(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"

        forwarded.set_pod("litellm-2", ready=True)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: forwarded.ask() == "litellm-2", "the other pod answers")
        forwarded.remove_pod("litellm-1")
        assert forwarded.ask() == "litellm-2"


def test_no_request_fails_while_one_pod_replaces_another(forwarded: Forwarded) -> None:
    answers: list[str | None] = []
    stop = threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            answers.append(forwarded.ask())

    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"
        asking = threading.Thread(target=ask_on)
        asking.start()
        forwarded.set_pod("litellm-2", ready=True)
        time.sleep(0.3)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: "litellm-2" in answers, "the other pod answers")
        forwarded.remove_pod("litellm-1")
        time.sleep(0.3)
        stop.set()
        asking.join()

    assert set(answers) == {"litellm-1", "litellm-2"}


def test_a_running_request_ends_at_the_pod_that_is_replaced(forwarded: Forwarded) -> None:
    arrived, may_end = threading.Event(), threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        # Only the first: the next one may still reach this pod, and would wait for the end.
        if not arrived.is_set():
            arrived.set()
            may_end.wait(SECONDS)
        return httpx.Response(200, text="slow")

    with listening(answer) as port, pod(forwarded, "litellm-2", ready=False):
        forwarded.set_pod("litellm-1", port=port)
        forwarded.start()
        answers: list[str | None] = []
        slow = threading.Thread(target=lambda: answers.append(forwarded.ask()))
        slow.start()
        assert arrived.wait(SECONDS)
        forwarded.set_pod("litellm-2", ready=True)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: forwarded.ask() == "litellm-2", "new requests reach the other pod")
        may_end.set()
        slow.join()

    assert answers == ["slow"]


def test_a_pod_that_is_not_ready_is_reached_if_there_is_no_other(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1", ready=False):
        forwarded.start()

        assert forwarded.ask() == "litellm-1"


def test_without_a_pod_a_request_is_refused_and_the_next_pod_is_found(forwarded: Forwarded) -> None:
    forwarded.start()
    began = time.monotonic()
    assert forwarded.ask() is None
    assert time.monotonic() - began < SECONDS / 2

    with pod(forwarded, "litellm-9"):
        until(lambda: forwarded.ask() == "litellm-9", "the new pod answers")


def test_an_api_server_that_was_away_is_followed_again(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"

        (forwarded.cluster / "down").touch()
        until(lambda: len(forwarded.processes()) == 1, "kubectl has ended")
        forwarded.remove_pod("litellm-1")
        forwarded.set_pod("litellm-2", ready=True)
        (forwarded.cluster / "down").unlink()

        until(lambda: forwarded.ask() == "litellm-2", "the pod of now answers")
