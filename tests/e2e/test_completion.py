"""Shell completion, installed and used in the real shells."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import PROGRAM

SHELLS = {"bash": ["--noprofile", "-i"], "zsh": ["-i"], "fish": ["-i"]}
OFFERED = {
    "gatewayctl keys ": {"create", "list", "rotate", "revoke"},
    "gatewayctl up --": {"--timeout", "--project-dir", "--runtime", "--lock-timeout", "--version"},
    "gatewayctl logs --runtime ": {"auto", "docker", "embedded"},
    "gatewayctl restore du": {"dump.age"},
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\(B")
_MOVE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_SECONDS = 30.0


@dataclass(kw_only=True)
class Terminal:
    """A shell that somebody types in."""

    screen: int

    def press(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    def wait_for(self, words: set[str]) -> str:
        """Read until every word was printed; return what was, or all there was in time."""
        printed, deadline = "", time.monotonic() + _SECONDS
        while not words <= set(printed.split()) and time.monotonic() < deadline:
            if select.select([self.screen], [], [], 0.2)[0]:
                raw = os.read(self.screen, 65536).decode(errors="replace")
                printed += _MOVE.sub(" ", _COLOUR.sub("", raw))
        return printed


@contextmanager
def typing_in(shell: str, home: Path) -> Iterator[Terminal]:
    """An interactive shell with its own home, in which `--install-completion` was run."""
    environment = {
        "HOME": str(home),
        "PATH": f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin",
        "TERM": "xterm",
        "LANG": "C.UTF-8",
    }
    install = [shell, "-c", "gatewayctl --install-completion; true"]
    subprocess.run(install, env=environment, cwd=home, check=True, capture_output=True)
    # One TAB lists everything, without a question before it.
    (home / ".inputrc").write_text("set show-all-if-ambiguous on\nset completion-query-items 0\n")
    screen, keyboard = pty.openpty()
    termios.tcsetwinsize(screen, (60, 200))
    words = ["setsid", "--ctty", shell, *SHELLS[shell]]
    with subprocess.Popen(
        words, stdin=keyboard, stdout=keyboard, stderr=keyboard, env=environment, cwd=home
    ) as process:
        try:
            yield Terminal(screen=screen)
        finally:
            process.kill()
            process.wait()
            os.close(keyboard)
            os.close(screen)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_completes_what_was_typed(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: apt-get install {shell}")
    (tmp_path / "dump.age").touch()

    with typing_in(shell, tmp_path) as terminal:
        # The answer differs from what is typed: a terminal prints that too.
        terminal.press("echo rea''dy\r")
        assert "ready" in terminal.wait_for({"ready"})
        for line, offered in OFFERED.items():
            terminal.press(f"{line}\t")
            printed = terminal.wait_for(offered)
            assert offered <= set(printed.split()), printed
            terminal.press("\x15")
