"""One setting changed at a time: what each of them costs or saves in production.

``none`` and ``again`` are the same gateway: the difference between them is that of the measurement,
and a smaller difference says nothing. Each has its own PostgreSQL and Phoenix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.side_by_side.starting import Peer, Start, answering, ours, process, read_pids
from benchmarks.stack import free_ports, gatewayctl
from gatewayctl.runtimes.embedded.environment import locate
from gatewayctl.runtimes.embedded.launch import build_program
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.settings.load import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A change to production: lines of gateway.yaml, PostgreSQL's settings, LiteLLM's start."""

    yaml: str = ""
    postgres: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


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
}


@contextmanager
def start(knob: Knob, upstream: int) -> Iterator[Peer]:
    """LiteLLM of a project in production, started once more with the change."""
    with ours("production", knob.yaml, upstream) as (project, folder, _):
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
        program = build_program("litellm", load_settings(folder), os.environ, locate())
        (port,) = free_ports(1)
        argv = [*program.argv, "--port", str(port), *knob.arguments]
        variables = {**program.environment, **knob.variables}
        with process(argv, program.directory, variables, log=folder / "second.log") as pid:
            url = f"http://127.0.0.1:{port}/v1"
            yield answering(replace(peer, url=url, pids={**peer.pids, "litellm": pid}))


STARTS: Mapping[str, Start] = {name: partial(start, knob) for name, knob in KNOBS.items()}
