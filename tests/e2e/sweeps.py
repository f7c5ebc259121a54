"""Both deletions of old rows in a running embedded stack, without waiting for their hour."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from gatewayctl.runtimes.embedded.environment import Environment

SCRIPT = Path(__file__).with_name("sweep_phoenix.py")
HOURLY = 'maximum_spend_logs_cleanup_cron: "7 * * * *"'


def sweep_traces(environment: Environment, pid: int) -> float:
    """Delete old traces as Phoenix does at each full hour; ``pid`` is that of Phoenix. Seconds."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    done = subprocess.run(
        [str(environment.python("phoenix")), "-B", str(SCRIPT)],
        env=dict(line.split("=", 1) for line in variables if "=" in line),
        capture_output=True,
        text=True,
        timeout=3600,
        check=True,
    )
    return float(done.stdout.split()[-1])


def prune_spend_logs_each_minute(config: Path, pid: int) -> None:
    """Have LiteLLM's scheduler delete every minute: its process, ``pid``, is started again."""
    text = config.read_text(encoding="utf-8")
    assert HOURLY in text
    config.write_text(text.replace(HOURLY, HOURLY.replace("7 *", "* *", 1)), encoding="utf-8")
    os.kill(pid, signal.SIGTERM)
