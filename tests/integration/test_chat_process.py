"""Real processes over real sockets: streaming, signals and terminals."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.http_server import listening
from tests.fakes.litellm import FakeLiteLLM, event_stream
from tests.fakes.projects import MASTER_KEY

KEY = "sk-app-0123456789abcdef"
TIMEOUT = 60


@dataclass
class Running:
    """A gateway and a Phoenix that listen, and the project with their ports."""

    folder: Path
    fake: FakeLiteLLM

    def command(self, *arguments: str) -> list[str]:
        start = [sys.executable, "-m", "gatewayctl", "-C", str(self.folder)]
        return [*start, "chat", *arguments]

    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**inherited, "TERM": "dumb"}

    def spans(self) -> list[Any]:
        bodies = [r.content for r in self.fake.requests if r.url.path == "/v1/traces"]
        messages = [ExportTraceServiceRequest.FromString(body) for body in bodies]
        return [message.resource_spans[0].scope_spans[0].spans[0] for message in messages]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    fake = FakeLiteLLM()
    fake.add(KEY, "litellm-dev")
    with listening(fake.answer) as gateway, listening(fake.answer) as phoenix:
        (tmp_path / "gateway.yaml").write_text(
            f"ports: {{litellm: {gateway}, phoenix: {phoenix}}}\n"
        )
        (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_API_KEY={KEY}\n")
        yield Running(folder=tmp_path, fake=fake)


class Held(httpx.SyncByteStream):
    """A reply whose second half is sent once ``released``."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        content = event_stream("Hello ", "there.")
        half = content.index(b"\n\n") + 2
        yield content[:half]
        self.released.wait(TIMEOUT)
        yield content[half:]


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Read from a descriptor up to the wanted text, or its end."""
    output = b""
    while wanted not in output:
        ready, _, _ = select.select([descriptor], [], [], TIMEOUT)
        assert ready, f"{wanted!r} did not arrive after {output!r}"
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            # The program on the terminal has exited.
            break
        if not part:
            break
        output += part
    return output


def start(running: Running, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        running.command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=running.environment(),
    )


def test_the_first_part_is_shown_before_the_last_has_arrived(running: Running) -> None:
    held = Held()
    running.fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=held)
    with start(running, "hi") as process:
        assert process.stdout is not None
        assert read_until(process.stdout.fileno(), b"Hello ") == b"Hello "
        held.released.set()
        out, _ = process.communicate(timeout=TIMEOUT)

    assert (out, process.returncode) == (b"there.\n", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_reply_is_exit_130_with_an_ended_line_and_a_cancelled_span(
    running: Running, number: signal.Signals
) -> None:
    held = Held()
    running.fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=held)
    with start(running, "hi") as process:
        assert process.stdout is not None
        read_until(process.stdout.fileno(), b"Hello ")
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
    held.released.set()

    assert (out, process.returncode) == (b"\n", 130)
    assert err.startswith(b"Error: Interrupted.")
    (span,) = running.spans()
    assert (span.status.code, span.status.message) == (2, "interrupted")


def test_closing_stdout_during_a_reply_causes_no_traceback(running: Running) -> None:
    held = Held()
    running.fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, stream=held)
    with start(running, "hi") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        read_until(process.stdout.fileno(), b"Hello ")
        process.stdout.close()
        held.released.set()
        err = process.stderr.read()
        process.wait(TIMEOUT)

    assert b"Traceback" not in err


def plant_reply(running: Running, reply: str) -> None:
    content = event_stream(reply)
    running.fake.planted["/v1/chat/completions"] = lambda _: httpx.Response(200, content=content)


def test_escape_sequences_are_escaped_on_a_terminal_and_kept_in_a_pipe(
    running: Running,
) -> None:
    plant_reply(running, "a\x1b[31mb")

    with start(running, "hi") as process:
        piped, _ = process.communicate(timeout=TIMEOUT)
    with OnTerminal(running, "hi") as terminal:
        shown = terminal.expect(b"trace ")

    assert piped == b"a\x1b[31mb\n"
    assert b"a\\x1b[31mb\r\n" in shown


class OnTerminal:
    """A chat whose three streams are its own terminal."""

    def __init__(self, running: Running, *arguments: str) -> None:
        self._descriptor, child = pty.openpty()
        self._process = subprocess.Popen(
            running.command(*arguments),
            stdin=child,
            stdout=child,
            stderr=child,
            env=running.environment(),
            start_new_session=True,
        )
        os.close(child)

    def __enter__(self) -> OnTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        os.close(self._descriptor)

    def expect(self, wanted: bytes) -> bytes:
        return read_until(self._descriptor, wanted)

    def type(self, text: bytes) -> None:
        os.write(self._descriptor, text)

    def end(self) -> int:
        read_until(self._descriptor, b"text that never appears")
        return self._process.wait(TIMEOUT)


def test_without_a_prompt_a_terminal_opens_a_conversation_until_ctrl_d(
    running: Running,
) -> None:
    with OnTerminal(running) as terminal:
        terminal.expect(b"> ")
        terminal.type(b"one\n")
        assert b"Hello there." in terminal.expect(b"> ")
        terminal.type(b"two\n")
        terminal.expect(b"> ")
        terminal.type(b"\x04")
        code = terminal.end()

    messages = running.fake.sent("/v1/chat/completions")["messages"]
    assert code == 0
    assert [message["content"] for message in messages] == ["one", "Hello there.", "two"]
    traces = {span.trace_id for span in running.spans()}
    assert len(traces) == 2
