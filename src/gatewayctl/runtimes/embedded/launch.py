"""What the supervisor starts for each service: settings in, then exec.

``python -m gatewayctl.runtimes.embedded.launch SERVICE PROJECT_DIR``. The secrets are read from
.env here, at each start, so they stand in no configuration file and on no command line.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import MARK
from gatewayctl.runtimes.embedded.postgres.privileges import choose_postgres_user
from gatewayctl.runtimes.embedded.services import (
    STOP_SIGNALS,
    Program,
    litellm_program,
    phoenix_program,
    postgres_program,
)
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings

_PR_SET_PDEATHSIG: Final = 1
# sysexits.h EX_CONFIG: not a code that LiteLLM, Phoenix or PostgreSQL end with.
_EX_CONFIG: Final = 78


def build_program(service: str, settings: Settings) -> Program:
    """The program of one service of this project."""
    environment, layout = locate(), Layout(state_dir=settings.state_dir)
    if service == "postgres":
        return postgres_program(settings, environment, layout, choose_postgres_user())
    make = {"litellm": litellm_program, "phoenix": phoenix_program}[service]
    return make(settings, environment, layout)


def main() -> None:
    """Become the service. Ends with code 78 when the settings cannot be read."""
    service, project_dir, supervisor = sys.argv[1], Path(sys.argv[2]), os.getppid()
    try:
        wanted = build_program(service, load_settings(project_dir))
    except GatewayctlError as error:
        sys.stderr.write(f"gatewayctl: {error.message}\n")
        sys.exit(_EX_CONFIG)
    argv = _tie_to_supervisor(wanted, supervisor)
    os.chdir(wanted.directory)
    environment = dict(wanted.environment) | {MARK: os.environ[MARK]}
    os.execve(argv[0], argv, environment)  # noqa: S606 - the point of this module


def _tie_to_supervisor(wanted: Program, supervisor: int) -> tuple[str, ...]:
    """Have the kernel stop the service when the supervisor dies, kill -9 included."""
    stop_signal = STOP_SIGNALS[wanted.service]
    if wanted.argv[0].endswith("setpriv"):
        # A change of user clears the wish, so setpriv itself must make it, after the change.
        return (wanted.argv[0], f"--pdeathsig={stop_signal}", *wanted.argv[1:])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(
            _PR_SET_PDEATHSIG, int(signal.Signals[f"SIG{stop_signal}"]), 0, 0, 0
        )
        if os.getppid() != supervisor:
            sys.exit(0)  # it died before the wish was made
    return wanted.argv


if __name__ == "__main__":
    main()
