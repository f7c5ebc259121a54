"""Emptying LiteLLM's database but for its virtual keys, with what they belong to and depend on.

A key's limits and rights are in its row, and in rows that it refers to; LiteLLM refuses a key whose
team is missing. LiteLLM knows only the hash of a key that gatewayctl did not make, and registers no
hash, so these rows are kept instead of being created again. Owns which tables. Must not know what a
reset does besides.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.runtimes.database import Database

KEYS: Final = "LiteLLM_VerificationToken"
_KEPT: Final = (
    KEYS,
    *("LiteLLM_UserTable", "LiteLLM_TeamTable", "LiteLLM_AgentsTable", "LiteLLM_AccessGroupTable"),
    *("LiteLLM_TeamMembership", "LiteLLM_OrganizationMembership", "LiteLLM_JWTKeyMapping"),
    "_prisma_migrations",
)
"""Tables without a foreign key that leads to them; others, such as budgets, are found by theirs."""
# One statement, so that PostgreSQL does all of it or nothing.
_EMPTY: Final = r"""
do $$
declare emptied text; spent record;
begin
  with recursive kept as (
    select c.oid from pg_class c
    where c.relnamespace = to_regnamespace(current_schema()) and c.relname in ({kept})
    union
    select f.confrelid from pg_constraint f join kept on f.conrelid = kept.oid
    where f.contype = 'f'
  )
  select string_agg(c.oid::regclass::text, ', ') into emptied from pg_class c
  where c.relnamespace = to_regnamespace(current_schema()) and c.relkind in ('r', 'p')
    and c.relname like 'LiteLLM\_%' and c.oid not in (select oid from kept);
  if emptied is not null then
    execute 'truncate ' || emptied;
  end if;
  for spent in
    select c.oid::regclass as tab, a.attname as col,
      case when a.atttypid = 'jsonb'::regtype then '{{}}' else '0' end as zero
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = to_regnamespace(current_schema()) and c.relkind = 'r'
      and c.relname like 'LiteLLM\_%'
      and a.attname in ('spend', 'total_spend', 'model_spend')
  loop
    execute format('update %s set %I = %L', spent.tab, spent.col, spent.zero);
  end loop;
end $$;
"""


def has_keys(database: Database) -> bool:
    """True if LiteLLM's database has virtual keys; an interrupted reset may leave no tables."""
    return database.rows().get(KEYS, 0) > 0


def empty_except_keys(database: Database) -> int:
    """Delete all other rows, set the spend of the kept ones to zero, and return the count of keys.

    LiteLLM must be stopped. Raises RuntimeProblem; then nothing was changed.
    """
    kept = ", ".join(f"'{table}'" for table in _KEPT)
    database.ask(_EMPTY.format(kept=kept))
    return database.count(KEYS)
