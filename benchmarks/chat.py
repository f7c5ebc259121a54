"""`gatewayctl chat` against curl sending the same request with the same key."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.stack import gatewayctl, project, seconds, secrets


def write_header(folder: Path) -> Path:
    """A file with the virtual key for curl: every user of the machine sees its command line."""
    file = folder / "header"
    file.touch(mode=0o600)
    file.write_text(f"authorization: Bearer {secrets(folder)['LITELLM_API_KEY']}\n")
    return file


def measure(rounds: int = 15) -> tuple[list[float], list[float]]:
    """Both in turn on a warm gateway, streamed, offline model."""
    ours, other = [], []
    with project() as (folder, ports):
        gatewayctl(folder, "up")
        body = json.dumps(
            {
                "model": "demo",
                "messages": [{"role": "user", "content": "Hello"}],
                "stream": True,
                "stream_options": {"include_usage": True},
                "metadata": {"component": "passthrough", "tags": ["component:passthrough"]},
            }
        )
        curl = [
            "curl", "-sS", "--fail", "-o", "/dev/null", "-H", "content-type: application/json",
            "-H", f"@{write_header(folder)}", "-d", body,
            f"http://127.0.0.1:{ports['litellm']}/v1/chat/completions",
        ]  # fmt: skip
        for _ in range(rounds + 3):
            ours.append(gatewayctl(folder, "chat", "--model", "demo", "Hello"))
            other.append(seconds(curl))
    return ours[3:], other[3:]
