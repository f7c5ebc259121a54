"""The program that supervisord starts for each service: it loads the settings, then execs.

``python -m gatewayctl.runtimes.embedded.launch SERVICE PROJECT_DIR``. Secrets are read from .env
here, at each start, so they are in no configuration file and on no command line.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatewayctl.errors import GatewayctlError
from gatewayctl.operating_system import signal_at_parents_death
from gatewayctl.runtimes.embedded.environment import Environment, locate_for_supervisor
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.links.mounts import update_links
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
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Settings

# From sysexits.h; LiteLLM, Phoenix and PostgreSQL never exit with this code.
_EX_CONFIG: Final = 78


def build_program(
    service: str, settings: Settings, environ: Mapping[str, str], environment: Environment
) -> Program:
    """Build the program of one service of this project. Raises SettingsProblem.

    ``environ`` are the variables that ``settings`` were loaded with, ``environment`` has the
    programs.
    """
    layout = Layout(state_dir=settings.state_dir)
    if service == "postgres":
        return postgres_program(settings, environment, layout, choose_postgres_user())
    build = {"litellm": litellm_program, "phoenix": phoenix_program}[service]
    return build(settings, environment, layout, environ)


def main() -> None:
    """Become the service. Exits with code 78 when the settings cannot be read."""
    service, project_dir, supervisor = sys.argv[1], Path(sys.argv[2]), os.getppid()
    try:
        settings = load_settings(project_dir)
        program = build_program(service, settings, os.environ, locate_for_supervisor(os.environ))
    except GatewayctlError as error:
        sys.stderr.write(f"gatewayctl: {mask(error.message)}\n")
        sys.exit(_EX_CONFIG)
    if service == "litellm":
        update_links(settings)
    argv = _tie_to_supervisor(program, supervisor)
    os.chdir(program.directory)
    environment = dict(program.environment) | {MARK: os.environ[MARK]}
    os.execve(argv[0], argv, environment)  # noqa: S606 - the point of this module


def _tie_to_supervisor(program: Program, supervisor: int) -> tuple[str, ...]:
    """Have the kernel stop the service when supervisord dies, even by kill -9; returns the argv.

    On macOS the service keeps running then, until `up` or `down` ends it.
    """
    stop_signal = STOP_SIGNALS[program.service]
    if program.argv[0].endswith("setpriv"):
        # A change of user clears the parent death signal, so setpriv must set it afterwards.
        return (program.argv[0], f"--pdeathsig={stop_signal}", *program.argv[1:])
    signal_at_parents_death(signal.Signals[f"SIG{stop_signal}"])
    if os.getppid() != supervisor:
        sys.exit(0)  # supervisord died before the signal was set
    return program.argv


if __name__ == "__main__":
    main()
