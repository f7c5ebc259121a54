"""Phoenix's retention policies behind /graphql, as Phoenix 20.26 answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

PHOENIX_HEADERS = {"x-phoenix-server-version": "20.26.1"}
DEFAULT, OTHER, PROJECT = "policy-0", "policy-1", "project-2"


@dataclass(kw_only=True)
class FakePolicy:
    """The default policy, and the name of another one that the project has, if any.

    ``patches`` records what was changed; ``error`` is the message with which everything is refused.
    """

    days: float = 0
    count: int = 0
    cron: str = "0 0 * * 0"
    other: str = ""
    error: str = ""
    patches: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.error:
            return _json({"data": None, "errors": [{"message": self.error}]})
        if request.method == "GET":
            assert json.loads(request.url.params["variables"]) == {"project": "gateway"}
            return _json({"data": self._read()})
        changes = json.loads(request.content)["variables"]["input"]
        self.patches.append(changes)
        if changes.get("removeProjects") == [PROJECT]:
            assert changes["id"] == OTHER
            self.other = ""
        else:
            assert changes["id"] == DEFAULT
            self.cron, self.count = changes["cronExpression"], 0
            self.days = changes["rule"]["maxDays"]["maxDays"]
        return _json({"data": {"patchProjectTraceRetentionPolicy": {"node": {"id": DEFAULT}}}})

    def _read(self) -> dict[str, Any]:
        rule = {"maxDays": self.days, "maxCount": self.count}
        if not self.count:
            del rule["maxCount"]
        id_, name = (OTHER, self.other) if self.other else (DEFAULT, "Default")
        return {
            "policy": {"id": DEFAULT, "cronExpression": self.cron, "rule": rule},
            "project": {"id": PROJECT, "traceRetentionPolicy": {"id": id_, "name": name}},
        }


def _json(body: Any) -> httpx.Response:
    return httpx.Response(200, headers=PHOENIX_HEADERS, json=body)
