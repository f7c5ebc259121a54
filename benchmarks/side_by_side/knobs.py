"""One setting changed at a time: what each of them costs or saves in production.

``spend in Redis`` needs a redis-server, and ``other Python`` the path of a gatewayctl that another
Python runs, in ``GATEWAYCTL_OTHER``; its packages are installed at its first start.

``none`` and ``again`` are the same gateway: the difference between them is that of the measurement,
and a smaller difference says nothing. Each has its own PostgreSQL and Phoenix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks.side_by_side.starting import (
    Peer,
    Start,
    answering,
    find_program,
    new_folder,
    ours,
    process,
    read_pids,
)
from benchmarks.stack import PROGRAM, free_ports, gatewayctl
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.runtimes.embedded.launch import build_program
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.settings.load import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A change to production: lines of gateway.yaml, PostgreSQL's settings, LiteLLM's start."""

    yaml: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Of the project's folder."""
    postgres: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    redis: bool = False
    other_program: bool = False


_NO_HOOKS = """
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy.hooks import PROXY_HOOKS

PROXY_HOOKS.clear()
nothing = CustomLogger()
"""

KNOBS: Mapping[str, Knob] = {
    "none": Knob(),
    "again": Knob(),
    "every span": Knob(yaml="tracing: {spans: all}\n"),
    "requests": Knob(yaml="tracing: {spans: requests}\n"),
    "sample 0.1": Knob(yaml="tracing: {sample: 0.1}\n"),
    "no messages": Knob(yaml="tracing: {messages: false}\n"),
    "no traces": Knob(yaml="tracing: none\n"),
    "spans after 5 s": Knob(variables={"OTEL_BSP_SCHEDULE_DELAY": "5000"}),
    "spans gzipped": Knob(variables={"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}),
    "spend after 60 s": Knob(yaml="litellm: {general_settings: {proxy_batch_write_at: 60}}\n"),
    "commit later": Knob(postgres={"synchronous_commit": "off"}),
    "no jit": Knob(postgres={"jit": "off"}),
    "more WAL": Knob(
        postgres={"max_wal_size": "8GB", "checkpoint_timeout": "30min", "wal_compression": "on"}
    ),
    "128 MB more buffers": Knob(postgres={"shared_buffers": "256MB"}),
    "no autovacuum": Knob(postgres={"autovacuum": "off"}),
    "errors only": Knob(variables={"LITELLM_LOG": "ERROR"}),
    "plain logs": Knob(yaml="litellm: {litellm_settings: {json_logs: false}}\n"),
    "two workers": Knob(arguments=("--num_workers", "2")),
    "granian": Knob(arguments=("--run_granian",)),
    "new connections": Knob(headers={"Connection": "close"}),
    "rust": Knob(variables={"LITELLM_RUST": "true"}),
    # For rate limits, budgets of a session, skills, and six others: LiteLLM has no setting for it.
    "no hooks": Knob(
        yaml="litellm: {litellm_settings: {callbacks: [no_hooks.nothing]}}\n",
        files={"no_hooks.py": _NO_HOOKS},
    ),
    "health checks": Knob(
        yaml="litellm: {general_settings: {background_health_checks: true,"
        " health_check_interval: 5}}\n"
    ),
    "spend in Redis": Knob(
        yaml="litellm: {general_settings: {use_redis_transaction_buffer: true}}\n", redis=True
    ),
    "other Python": Knob(other_program=True),
}


@contextmanager
def start(knob: Knob, upstream: int) -> Iterator[Peer]:
    """LiteLLM of a project in production, started once more with the change."""
    program = Path(os.environ["GATEWAYCTL_OTHER"]) if knob.other_program else PROGRAM
    with ExitStack() as stack:
        yaml = knob.yaml + (stack.enter_context(_redis()) if knob.redis else "")
        project, folder, _ = stack.enter_context(
            ours("production", yaml, upstream, files=knob.files, program=program)
        )
        peer = replace(project, headers={**project.headers, **knob.headers})
        if knob.postgres:
            settings = "".join(f"{name} = '{value}'\n" for name, value in knob.postgres.items())
            data = Layout(state_dir=folder / ".gatewayctl").postgres_data
            with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
                file.write(settings)
            gatewayctl(folder, "restart")
            peer = answering(replace(peer, pids=read_pids(folder)))
        if not (knob.variables or knob.arguments):
            yield peer
            return
        launch = build_program("litellm", load_settings(folder), os.environ, locate())
        (port,) = free_ports(1)
        argv = [*launch.argv, "--port", str(port), *knob.arguments]
        environment = {**launch.environment, **knob.variables}
        with process(argv, launch.directory, environment, log=folder / "second.log") as pid:
            url = f"http://127.0.0.1:{port}/v1"
            yield answering(replace(peer, url=url, pids={**peer.pids, "litellm": pid}))


@contextmanager
def _redis() -> Iterator[str]:
    """A Redis of its own; yields the lines of gateway.yaml for it."""
    argv = [find_program("redis-server", "redis-server"), "--save", ""]
    (port,) = free_ports(1)
    with new_folder() as folder, process([*argv, "--port", str(port)], folder, os.environ):
        variables = f"{{REDIS_HOST: 127.0.0.1, REDIS_PORT: '{port}'}}"
        yield f"services: {{litellm: {{environment: {variables}}}}}\n"


STARTS: Mapping[str, Start] = {name: partial(start, knob) for name, knob in KNOBS.items()}
