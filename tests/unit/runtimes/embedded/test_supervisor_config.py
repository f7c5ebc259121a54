"""The configuration of supervisord, read back as it reads it."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.services import SERVICES, STOP_SIGNALS
from gatewayctl.runtimes.embedded.supervisor import (
    render_config,
)


def parse_config(text: str) -> dict[str, dict[str, str]]:
    """supervisor 4.3 allows comments after a value and expands every value; log paths twice."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(text)
    expansions = {"ENV_GATEWAYCTL_SOCKET": "supervisor.sock"}
    sections = {
        section: {name: value % expansions for name, value in parser.items(section)}
        for section in parser.sections()
    }
    for section, values in sections.items():
        if section.startswith("program:"):
            values["stdout_logfile"] = values["stdout_logfile"] % expansions
    return sections


def read_back(project: Path) -> dict[str, dict[str, str]]:
    layout = Layout(state_dir=project / ".gatewayctl")
    return parse_config(render_config(layout, project, STOP_SIGNALS))


# Every character of a folder's name, without line breaks and unpaired surrogates.
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(
    lambda name: "/" not in name and name not in {".", ".."} and name.isprintable()
)


@given(NAMES)
@example("a%b")
@example("100% sure")
@example("my #1")
@example("a ;b")
@example("it's #1, or ;2")
@example("%(here)s")
def test_every_name_of_a_project_reaches_the_launcher_unchanged(name: str) -> None:
    project = Path("/home/operator") / name

    for service in SERVICES:
        argv = shlex.split(read_back(project)[f"program:{service}"]["command"])
        assert argv[0] == sys.executable
        assert argv[-2:] == [service, str(project)]


@given(NAMES)
@example("100% sure")
@example("my #1")
def test_logs_and_pid_file_are_in_the_project_whatever_its_name(name: str) -> None:
    layout = Layout(state_dir=Path("/home/operator") / name / ".gatewayctl")
    read = read_back(layout.state_dir.parent)

    paths = [read["supervisord"][key] for key in ("logfile", "pidfile")]
    paths += [read[f"program:{service}"]["stdout_logfile"] for service in SERVICES]
    absolute = [os.path.normpath(layout.run / path) for path in paths]

    logs = [str(layout.log(name)) for name in ("supervisord", *SERVICES)]
    assert absolute == [logs[0], str(layout.supervisor_pid), *logs[1:]]


def test_services_start_on_request_in_dependency_order_and_restart_after_a_crash(
    tmp_path: Path,
) -> None:
    read = read_back(tmp_path)
    programs = [read[f"program:{service}"] for service in SERVICES]

    assert [int(program["priority"]) for program in programs] == [0, 1, 2]
    assert {program["autostart"] for program in programs} == {"false"}
    assert {program["autorestart"] for program in programs} == {"true"}
    assert [program["stopsignal"] for program in programs] == ["INT", "TERM", "TERM"]


def test_only_the_owner_may_use_the_control_socket(tmp_path: Path) -> None:
    read = read_back(tmp_path)

    assert read["unix_http_server"] == {"file": "supervisor.sock", "chmod": "0600"}
    assert read["supervisord"]["umask"] == "077"
    assert "inet_http_server" not in read


def test_logs_are_rotated_and_hold_both_streams(tmp_path: Path) -> None:
    for name, program in read_back(tmp_path).items():
        if name.startswith("program:"):
            assert program["stdout_logfile_maxbytes"] == "10MB"
            assert program["redirect_stderr"] == "true"


def test_the_launcher_of_the_configuration_exists() -> None:
    argv = shlex.split(read_back(Path("/p"))["program:litellm"]["command"])

    done = subprocess.run(
        [*argv[:2], "-c", f"import importlib.util as u; u.find_spec({argv[3]!r}).origin"],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
