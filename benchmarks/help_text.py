"""`gatewayctl --help` against the smallest Typer program's."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.stack import PROGRAM, seconds

HELLO = """\
import typer

app = typer.Typer()


@app.command()
def main(name: str) -> None:
    print(f"Hello {name}")


app()
"""


def measure(rounds: int = 15) -> tuple[list[float], list[float]]:
    """Both in turn, after one round to warm the caches."""
    ours, other = [], []
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text(HELLO, encoding="utf-8")
        for _ in range(rounds + 1):
            ours.append(seconds([str(PROGRAM), "--help"]))
            other.append(seconds([sys.executable, str(hello), "--help"]))
    return ours[1:], other[1:]
