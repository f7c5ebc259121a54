from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.runtimes.embedded import quick_start
from gatewayctl.runtimes.embedded.logs import parse_line
from gatewayctl.runtimes.embedded.quick_start import TimestampedStream

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", re.MULTILINE)


def written(*texts: str) -> str:
    raw = io.BytesIO()
    stream = TimestampedStream(raw, encoding="utf-8", errors="replace", newline="\n")
    for text in texts:
        assert stream.write(text) == len(text)
    stream.flush()
    return raw.getvalue().decode()


def test_every_line_gets_one_timestamp_however_it_is_written() -> None:
    lines = written("one\ntw", "o", "\n", "", "\nfour").split("\n")

    assert [STAMP.sub("", line) for line in lines] == ["one", "two", "", "four"]
    assert all(STAMP.match(line) for line in lines)


@given(st.lists(st.text(st.characters(exclude_characters="\r", codec="utf-8"))))
def test_only_timestamps_at_the_start_of_lines_are_added(texts: list[str]) -> None:
    # For `re`, as for readers of the log, a line ends at \n only.
    assert STAMP.sub("", written(*texts)) == "".join(texts)


def test_the_timestamp_can_be_parsed_by_logs() -> None:
    line = parse_line("litellm", written("hello\n").rstrip("\n"))

    assert line.text == "hello"
    assert line.at is not None


def test_writing_bytes_is_a_type_error_as_for_any_text_stream() -> None:
    with pytest.raises(TypeError, match="text stream"):
        TimestampedStream(io.BytesIO()).write(b"")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "bound"), [("127.0.0.1", "127.0.0.1:4317"), ("::1", "[::1]:4317")]
)
def test_the_grpc_port_of_phoenix_is_bound_to_its_host(
    host: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Server:
        def add_insecure_port(self, address: str) -> int:
            asked.append(address)
            return 4317

    monkeypatch.setitem(sys.modules, "grpc.aio._server", SimpleNamespace(Server=Server))
    monkeypatch.setenv("PHOENIX_HOST", host)

    quick_start._bind_grpc_where_http_is()

    assert Server().add_insecure_port("[::]:4317") == 4317
    assert asked == [bound]


PACKAGES = {
    "litellm/__init__.py": "",
    "litellm/proxy/__init__.py": "",
    "litellm/proxy/proxy_cli.py": (
        "import gc, sys\n"
        "collecting = gc.isenabled()\n"
        "def run_server():\n"
        "    print('arguments', sys.argv)\n"
        "    print('collecting', collecting, gc.isenabled())\n"
        "    return 3\n"
    ),
    "litellm/proxy/proxy_server.py": "",
    "phoenix/__init__.py": "",
    "phoenix/server/__init__.py": "",
    "phoenix/server/main.py": "import sys\ndef main():\n    print(sys.argv)\n",
    "grpc/__init__.py": "",
    "grpc/aio/__init__.py": "",
    "grpc/aio/_server.py": "class Server:\n    def add_insecure_port(self, address): ...\n",
}


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [
        (
            ["litellm", "--config", "a b.yaml"],
            3,
            ["arguments ['litellm', '--config', 'a b.yaml']", "collecting False True"],
        ),
        (["phoenix", "serve"], 0, ["['phoenix', 'serve']"]),
    ],
    ids=["litellm", "phoenix"],
)
def test_a_service_is_started_in_its_own_python_with_its_arguments(
    arguments: list[str], code: int, out: list[str], tmp_path: Path
) -> None:
    for name, text in PACKAGES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    done = subprocess.run(
        [sys.executable, "-S", str(quick_start.__file__), *arguments],
        env={"PYTHONPATH": str(tmp_path), "PHOENIX_HOST": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stderr
    assert [STAMP.sub("", line) for line in done.stdout.splitlines()] == out
    assert STAMP.sub("", done.stderr) == ""
