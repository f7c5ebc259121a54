"""How long it takes to delete old spend logs and traces, and what calls notice of it.

``python -m benchmarks.retention [ROWS]``: an embedded stack with that many rows (a million by
default) of both kinds that are older than their retention, and a tenth as many younger ones. Rows
are copies of those of one real call. LiteLLM's scheduler deletes every minute instead of every
hour, and Phoenix's sweep is run at once.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
from tests.e2e.sweeps import prune_spend_logs_each_minute, sweep_traces

from benchmarks.stack import PROGRAM, gatewayctl, project, query, secrets
from gatewayctl.runtimes.embedded.environment import locate

DECLARED: Final = "retention: {traces: 30d, spend_logs: 30d}\n"
TABLE: Final = "LiteLLM_SpendLogs"
OLD_ROWS: Final = "select count(*) from \"LiteLLM_SpendLogs\" where request_id like 'old-%'"
MOST_SPANS: Final = "select max(n) from (select count(*) n from spans group by trace_rowid) each"
COLUMNS: Final = """
select string_agg(quote_ident(column_name), ',' order by ordinal_position)
from information_schema.columns where table_name = 'LiteLLM_SpendLogs'
"""
SPEND_LOGS: Final = """
create temp table one as select * from "LiteLLM_SpendLogs" where status = 'success' limit 1;
insert into "LiteLLM_SpendLogs" ({columns}) select {values} from one, generate_series(1, {rows}) n,
  lateral (select (now() at time zone 'utc') - {age} moment) times;
"""
TRACES: Final = """
create temp table one as select * from traces where id in (
  select trace_rowid from spans group by 1 order by count(*) desc limit 1);
create temp table parts as select * from spans where trace_rowid in (select id from one);
create temp table costs as select * from span_costs where trace_rowid in (select id from one);
create temp table made as select nextval('traces_id_seq')::int id, n, now() - {age} moment
  from generate_series(1, {traces}) n;
insert into traces (id, project_rowid, trace_id, start_time, end_time)
  select made.id, project_rowid, md5('t' || made.id), moment, moment from made, one;
create temp table spans_made as select nextval('spans_id_seq')::int new_id, made.id new_trace,
  moment, parts.* from made, parts;
insert into spans (id, trace_rowid, span_id, parent_id, name, span_kind, start_time, end_time,
  attributes, events, status_code, status_message, cumulative_error_count,
  cumulative_llm_token_count_prompt, cumulative_llm_token_count_completion,
  llm_token_count_prompt, llm_token_count_completion)
  select new_id, new_trace, left(md5('s' || new_id), 16), parent_id, name, span_kind, moment,
  moment, attributes, events, status_code, status_message, cumulative_error_count,
  cumulative_llm_token_count_prompt, cumulative_llm_token_count_completion,
  llm_token_count_prompt, llm_token_count_completion from spans_made;
insert into span_costs (span_rowid, trace_rowid, model_id, span_start_time, total_cost,
  total_tokens, prompt_cost, prompt_tokens, completion_cost, completion_tokens)
  select new_id, new_trace, model_id, moment, total_cost, total_tokens, prompt_cost,
  prompt_tokens, completion_cost, completion_tokens
  from spans_made join costs on costs.span_rowid = spans_made.id;
"""
OLD: Final = "(interval '31 days' + random() * interval '60 days')"
YOUNG: Final = "(random() * interval '29 days')"


@dataclass(kw_only=True)
class Stack:
    """A running project, its databases and its processes."""

    folder: Path
    ports: dict[str, int]

    def query(self, database: str, sql: str) -> str:
        return query(self.folder, self.ports, database, sql)

    def count(self, database: str, table: str) -> int:
        return int(self.query(database, f'select count(*) from "{table}"'))  # noqa: S608

    def megabytes(self, database: str, table: str) -> float:
        sql = f"select pg_total_relation_size('\"{table}\"')"
        return int(self.query(database, sql)) / 1e6

    def pid(self, service: str) -> int:
        argv = [str(PROGRAM), "status", "--json"]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)
        services = json.loads(done.stdout)["data"]["services"]
        return next(int(each["pid"] or 0) for each in services if each["service"] == service)

    def cpu(self, service: str) -> float:
        """Seconds of processor of a service and its children, also of those that ended."""
        process = psutil.Process(self.pid(service))
        found = 0.0
        for each in (process, *process.children(recursive=True)):
            try:
                found += sum(each.cpu_times()[:4])
            except psutil.Error:
                continue
        return found


@dataclass(kw_only=True)
class Calls:
    """Calls of the offline model, one after another, until the end of the block."""

    stack: Stack
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Calls:
        self._thread = threading.Thread(target=self._call)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _call(self) -> None:
        headers = {"authorization": f"Bearer {secrets(self.stack.folder)['LITELLM_API_KEY']}"}
        url = f"http://127.0.0.1:{self.stack.ports['litellm']}/v1/chat/completions"
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
        with httpx.Client(trust_env=False, timeout=60, headers=headers) as http:
            while not self._end.is_set():
                began = time.perf_counter()
                try:
                    good = http.post(url, json=body).status_code == 200
                except httpx.HTTPError:
                    good = False
                self.failed += not good
                self.seconds.append(time.perf_counter() - began)
                self._end.wait(0.1)

    def __str__(self) -> str:
        points = statistics.quantiles(self.seconds, n=100)
        return (
            f"{len(self.seconds)} calls, {self.failed} failed,"
            f" p50 {points[49] * 1000:.0f} ms, p99 {points[98] * 1000:.0f} ms"
        )


def main(rows: int) -> None:
    """Run it and print what was seen."""
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    say(f"{rows:,} old rows of each kind, on {cores} cores and {memory:.0f} GB")
    with project() as (folder, ports):
        with (folder / "gateway.yaml").open("a", encoding="utf-8") as file:
            file.write(DECLARED)
        gatewayctl(folder, "up")
        stack = Stack(folder=folder, ports=ports)
        _make_rows(stack, rows)
        with Calls(stack=stack) as quiet:
            time.sleep(30)
        say(f"without deleting: {quiet}")
        _prune_traces(stack)
        _prune_spend_logs(stack)


def _make_rows(stack: Stack, rows: int) -> None:
    """Copies of the rows of one call, old and young."""
    for _ in range(3):
        gatewayctl(stack.folder, "chat", "--model", "demo", "--verify", "Hello")
    each = int(stack.query("phoenix", MOST_SPANS))
    began = time.perf_counter()
    for age, count, prefix in ((OLD, rows, "old"), (YOUNG, rows // 10, "new")):
        stack.query("litellm", _copy_spend_logs(stack, count, age, prefix))
        stack.query("phoenix", TRACES.format(traces=count // each, age=age))
    for database in ("litellm", "phoenix"):
        stack.query(database, "analyze")
    say(f"rows made in {time.perf_counter() - began:.0f} s, {each} spans a trace")


def _copy_spend_logs(stack: Stack, rows: int, age: str, prefix: str) -> str:
    """The statement; what is compressed in the row stays so, which saves minutes."""
    columns = stack.query("litellm", COLUMNS)
    values = dict.fromkeys(columns.split(","))
    times = ("startTime", "endTime", "completionStartTime")
    values |= dict.fromkeys((f'"{name}"' for name in times), "moment")
    values |= dict.fromkeys(("created_at", "updated_at"), "moment")
    values |= dict.fromkeys(("request_id", "litellm_call_id"), f"'{prefix}-' || n")
    values["session_id"] = "md5(n::text)"
    return SPEND_LOGS.format(
        columns=columns,
        values=",".join(value or name for name, value in values.items()),
        rows=rows,
        age=age,
    )


def _prune_traces(stack: Stack) -> None:
    before, size = stack.count("phoenix", "traces"), stack.megabytes("phoenix", "spans")
    spans = stack.count("phoenix", "spans")
    cpu = stack.cpu("postgres")
    with Calls(stack=stack) as calls:
        took = sweep_traces(locate(), stack.pid("phoenix"))
        cpu = stack.cpu("postgres") - cpu
        traces = before - stack.count("phoenix", "traces")
        gone = spans - stack.count("phoenix", "spans")
    say(
        f"Phoenix deleted about {gone:,} spans of {traces:,} traces in {took:.1f} s,"
        f" PostgreSQL {cpu:.1f} s of processor"
    )
    say(f"  meanwhile: {calls}")
    _report_space(stack, "phoenix", "spans", size)


def _prune_spend_logs(stack: Stack) -> None:
    size = stack.megabytes("litellm", TABLE)
    _have_litellm_prune(stack)
    cpu = {name: stack.cpu(name) for name in ("postgres", "litellm")}
    left = before = int(stack.query("litellm", OLD_ROWS))
    working = idle = 0.0
    with Calls(stack=stack) as calls:
        while left:
            time.sleep(1)
            now = int(stack.query("litellm", OLD_ROWS))
            working, idle = (working + 1, idle) if now < left else (working, idle + 1)
            left = now
    used = ", ".join(f"{name} {stack.cpu(name) - cpu[name]:.1f} s" for name in cpu)
    say(
        f"LiteLLM deleted {before:,} spend logs in about {working:.0f} s, beside {idle:.0f} s"
        f" between runs; processor, with the calls: {used}"
    )
    say(f"  meanwhile: {calls}")
    _report_space(stack, "litellm", TABLE, size)


def _have_litellm_prune(stack: Stack) -> None:
    """Restart LiteLLM with a schedule of each minute, and wait until it answers."""
    old = stack.pid("litellm")
    prune_spend_logs_each_minute(stack.folder / "compose" / "litellm_config.yaml", old)
    status = [str(PROGRAM), "status"]
    while stack.pid("litellm") == old:
        time.sleep(0.5)
    while subprocess.run(status, cwd=stack.folder, capture_output=True, check=False).returncode:
        time.sleep(0.5)


def _report_space(stack: Stack, database: str, table: str, before: float) -> None:
    """The size of the table before, after autovacuum, and after VACUUM FULL."""
    sql = f"select autovacuum_count from pg_stat_user_tables where relname = '{table}'"  # noqa: S608
    seen, end = int(stack.query(database, sql)), time.monotonic() + 180
    while int(stack.query(database, sql)) == seen and time.monotonic() < end:
        time.sleep(2)
    vacuumed = stack.megabytes(database, table)
    with Calls(stack=stack) as calls:
        time.sleep(3)
        began = time.perf_counter()
        stack.query(database, f'vacuum full "{table}"')
        took = time.perf_counter() - began
    say(
        f"  {table}: {before:.0f} MB, {vacuumed:.0f} MB after autovacuum,"
        f" {stack.megabytes(database, table):.0f} MB after VACUUM FULL ({took:.1f} s: {calls})"
    )


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
