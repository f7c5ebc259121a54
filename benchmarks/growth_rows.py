"""The data of `benchmarks.growth`: copies of the rows of a real call, and declared settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.stack import query

Ports = Mapping[str, int]
COLUMNS: Final = """
select string_agg(quote_ident(column_name), ',' order by ordinal_position)
from information_schema.columns where table_name = '{table}'
"""
KEYS: Final = """
create temp table one as select * from "LiteLLM_VerificationToken"
  where key_alias = 'litellm-dev';
delete from "LiteLLM_VerificationToken" where key_alias like 'copy-%';
insert into "LiteLLM_VerificationToken" ({columns})
  select {values} from one, generate_series(1, {rows}) n;
analyze "LiteLLM_VerificationToken";
"""
SPEND_LOGS: Final = """
create temp table one as select * from "LiteLLM_SpendLogs"
  where status = 'success' and request_id not like 'copy-%' limit 1;
delete from "LiteLLM_SpendLogs" where request_id like 'copy-%';
insert into "LiteLLM_SpendLogs" ({columns}) select {values} from one, generate_series(1, {rows}) n,
  lateral (select (now() at time zone 'utc') - interval '1 minute'
    - interval '12 hours' * ({rows} - n) / {rows} moment) times;
analyze "LiteLLM_SpendLogs";
"""
TRACES: Final = """
create temp table one as select * from traces where id = (
  select max(trace_rowid) from spans
  where span_kind = 'LLM' and attributes #>> '{{litellm,call_id}}' not like 'copy-%');
create temp table parts as select * from spans where trace_rowid = (select id from one);
delete from traces where trace_id like 'c0b1%';
create temp table made as select nextval('traces_id_seq')::int id, n, now() - interval '1 minute'
  - interval '12 hours' * ({rows} - n) / {rows} moment from generate_series(1, {rows}) n;
insert into traces (id, project_rowid, trace_id, start_time, end_time)
  select made.id, project_rowid, 'c0b1' || left(md5(n::text), 28), moment, moment from made, one;
insert into spans (trace_rowid, span_id, parent_id, name, span_kind, start_time, end_time,
  attributes, events, status_code, status_message, cumulative_error_count,
  cumulative_llm_token_count_prompt, cumulative_llm_token_count_completion,
  llm_token_count_prompt, llm_token_count_completion)
  select made.id, left(md5(n || span_id), 16), left(md5(n || parent_id), 16), name, span_kind,
  moment, moment, case when span_kind = 'LLM'
    then jsonb_set(attributes, '{{litellm,call_id}}', to_jsonb('copy-' || n)) else attributes end,
  events, status_code, status_message, cumulative_error_count,
  cumulative_llm_token_count_prompt, cumulative_llm_token_count_completion,
  llm_token_count_prompt, llm_token_count_completion from made, parts order by n, parts.id;
analyze;
"""


def make_keys(folder: Path, ports: Ports, rows: int) -> None:
    """Keys of the project, each with a variable of its own that .env does not have."""
    changed = {
        "token": "encode(sha256(('sk-copy-' || n)::bytea), 'hex')",
        "key_alias": "'copy-' || n",
        "metadata": "jsonb_set(metadata, '{gatewayctl_env}', to_jsonb('COPY_' || n))",
    }
    _copy(folder, ports, "LiteLLM_VerificationToken", KEYS, changed, rows)


def make_traces(folder: Path, ports: Ports, rows: int) -> None:
    """Calls of the last 12 hours: a trace in Phoenix and a spend log of each."""
    times = ('"startTime"', '"endTime"', '"completionStartTime"', "created_at", "updated_at")
    changed = dict.fromkeys(times, "moment")
    changed |= dict.fromkeys(("request_id", "litellm_call_id"), "'copy-' || n")
    changed["session_id"] = "'c0b1' || left(md5(n::text), 28)"
    _copy(folder, ports, "LiteLLM_SpendLogs", SPEND_LOGS, changed, rows)
    query(folder, ports, "phoenix", TRACES.format(rows=rows))


def _copy(
    folder: Path, ports: Ports, table: str, sql: str, changed: Mapping[str, str], rows: int
) -> None:
    columns = query(folder, ports, "litellm", COLUMNS.format(table=table))
    values = ",".join(changed.get(name, name) for name in columns.split(","))
    query(folder, ports, "litellm", sql.format(columns=columns, values=values, rows=rows))


def declare_models(folder: Path, declared: str, count: int) -> None:
    """Add that many models to what gateway.yaml declares otherwise."""
    models = "".join(f"  model-{n}: openai/gpt-4o-mini\n" for n in range(count))
    (folder / "gateway.yaml").write_text(f"{declared}models:\n{models}", encoding="utf-8")


def declare_upstream(folder: Path, port: int) -> None:
    """Make a folder the project of a gateway that others run, without traces."""
    lines = (
        "runtime: external",
        "tracing: none",
        f'external: {{url: "http://127.0.0.1:{port}"}}',
        "models: {text: openai/text, reasoning: openai/reasoning}",
        "keys: {growth: {env: GROWTH_KEY}}",
    )
    (folder / "gateway.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    secrets = ("LITELLM_MASTER_KEY=sk-growth-master-0123456789", "GROWTH_KEY=sk-growth-0123456789")
    (folder / ".env").write_text("\n".join(secrets) + "\n", encoding="utf-8")
    (folder / ".env").chmod(0o600)
