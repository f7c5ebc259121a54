"""How long Phoenix keeps traces: its default policy, and the one of a project.

Owns the shape of Phoenix's GraphQL. Phoenix reads PHOENIX_DEFAULT_RETENTION_POLICY_DAYS only when
its database is new; afterwards the policy is a row. At each full hour it deletes the traces of the
policies whose cron expression names that hour (phoenix/server/retention.py). Must not know what is
declared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.settings.declared.trace_stores import TraceStore
from gatewayctl.settings.masking import strip_keys
from gatewayctl.tracing.phoenix import ask_phoenix
from gatewayctl.transport import parse_json

_PATH: Final = "/graphql"
_QUERY: Final = """\
query ($project: String!) {
  policy: defaultProjectTraceRetentionPolicy {
    id
    cronExpression
    rule {
      ... on TraceRetentionRuleMaxDays { maxDays }
      ... on TraceRetentionRuleMaxCount { maxCount }
      ... on TraceRetentionRuleMaxDaysOrCount { maxDays maxCount }
    }
  }
  project: getProjectByName(name: $project) { id traceRetentionPolicy { id name } }
}"""
_PATCH: Final = """\
mutation ($input: PatchProjectTraceRetentionPolicyInput!) {
  patchProjectTraceRetentionPolicy(input: $input) { node { id } }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRule:
    """What is deleted, and when: traces older than ``days``, and all but the newest ``count``.

    0 deletes none. ``cron`` is of Phoenix's kind: full hours in UTC, and days of the week.
    """

    days: float = 0
    count: int = 0
    cron: str = "0 0 * * 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePolicy:
    """The default policy of a Phoenix.

    ``other`` is the name of the policy that the project has instead, and ``other_id`` its id; both
    are empty if it has none. ``project_id`` is empty while there are no traces.
    """

    id: str
    rule: TraceRule
    project_id: str = ""
    other: str = ""
    other_id: str = ""


class PolicyStore:
    """The policies of one Phoenix, and of one project in it."""

    def __init__(self, http: httpx.Client, store: TraceStore, headers: Mapping[str, str]) -> None:
        self._http = http
        self._store = store
        self._headers = {"accept": "application/json", **headers}

    def read(self) -> TracePolicy:
        """Read the policy. Raises PhoenixUnreachable, also for a Phoenix without policies."""
        variables = json.dumps({"project": self._store.project})
        data = self._ask("GET", params={"query": " ".join(_QUERY.split()), "variables": variables})
        try:
            return _parse(data)
        except (AttributeError, LookupError, TypeError, ValueError):
            raise PhoenixUnreachable(
                f"Phoenix at {self._store.endpoint} answered without a retention policy."
            ) from None

    def write(self, policy: TracePolicy, rule: TraceRule) -> None:
        """Make this rule that of the default policy. Raises PhoenixUnreachable."""
        days = {"maxDays": {"maxDays": rule.days}}
        self._patch({"id": policy.id, "cronExpression": rule.cron, "rule": days})

    def use_default(self, policy: TracePolicy) -> None:
        """Take the project out of its other policy. Raises PhoenixUnreachable."""
        self._patch({"id": policy.other_id, "removeProjects": [policy.project_id]})

    def _patch(self, changes: Mapping[str, Any]) -> None:
        self._ask("POST", json={"query": _PATCH, "variables": {"input": changes}})

    def _ask(self, method: str, **options: Any) -> Any:
        url = self._store.endpoint
        answer = ask_phoenix(self._http, method, url, _PATH, headers=self._headers, **options)
        body = parse_json(answer.body)
        if answer.status == 200 and isinstance(body, dict) and not body.get("errors"):
            return body.get("data")
        said = strip_keys(answer.body.decode("utf-8", "replace"))[:200]
        raise PhoenixUnreachable(
            f"Phoenix at {url} refuses the request for its retention policy"
            f" (HTTP {answer.status}: {said}).",
            hint="See `gatewayctl logs phoenix`.",
        )


def _parse(data: Any) -> TracePolicy:
    found, project = data["policy"], data["project"] or {}
    rule, other = found["rule"], project.get("traceRetentionPolicy") or {}
    has_other = bool(other) and other["id"] != found["id"]
    days = float(rule.get("maxDays") or 0)
    if not 0 <= days < math.inf:
        raise ValueError(days)
    return TracePolicy(
        id=str(found["id"]),
        rule=TraceRule(
            days=days,
            count=int(rule.get("maxCount") or 0),
            cron=str(found["cronExpression"]),
        ),
        project_id=str(project.get("id") or ""),
        other=str(other["name"]) if has_other else "",
        other_id=str(other["id"]) if has_other else "",
    )
