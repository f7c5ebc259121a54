"""Teams and users of the fake LiteLLM, by id."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx


def _refuse(status: int, message: str) -> httpx.Response:
    """An HTTPException of LiteLLM arrives as ``str(dict)``."""
    inner = {"message": str({"error": message}), "type": "internal_server_error", "param": None}
    return httpx.Response(status, json={"error": inner | {"code": str(status)}})


@dataclass
class FakeOwners:
    """``licensed``: LiteLLM has an Enterprise license."""

    teams: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    licensed: bool = False
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_team(self, name: str, **fields: Any) -> None:
        self.teams[name] = {
            "team_id": name,
            "team_alias": name,
            "models": [],
            "spend": 0.0,
        } | fields

    def add_user(self, name: str, **fields: Any) -> None:
        self.users[name] = {"user_id": name, "models": [], "spend": 0.0, "metadata": {}} | fields

    def _health_license(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"has_license": self.licensed})

    def _team_list(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=list(self.teams.values()))

    def _user_list(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"users": list(self.users.values()), "total_pages": 1})

    def _team_info(self, request: httpx.Request) -> httpx.Response:
        return self._info("team", self.teams, request)

    def _user_info(self, request: httpx.Request) -> httpx.Response:
        return self._info("user", self.users, request)

    def _info(
        self, kind: str, rows: dict[str, dict[str, Any]], request: httpx.Request
    ) -> httpx.Response:
        name = request.url.params[f"{kind}_id"]
        if name not in rows:
            return _refuse(404, f"{kind} {name} not found")
        keys = [key for key in self.keys.values() if key.get(f"{kind}_id") == name]
        return httpx.Response(200, json={f"{kind}_info": rows[name], "keys": keys})

    def _team_new(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["team_id"] in self.teams:
            return _refuse(400, f"Team id = {body['team_id']} already exists.")
        for member in body.get("members_with_roles", ()):
            if member["user_id"] not in self.users:
                self.add_user(member["user_id"])
        self.add_team(body["team_id"], **body)
        return httpx.Response(200, json=self.teams[body["team_id"]])

    def _user_new(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["user_id"] in self.users:
            return _refuse(409, f"User with id {body['user_id']} already exists")
        self.add_user(body["user_id"], **body)
        return httpx.Response(200, json=self.users[body["user_id"]])

    def _team_update(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.teams[body["team_id"]].update(body)
        return httpx.Response(200, json=self.teams[body["team_id"]])

    def _user_update(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        # LiteLLM ignores an empty list.
        self.users[body["user_id"]].update({n: v for n, v in body.items() if v != []})
        return httpx.Response(200, json=self.users[body["user_id"]])

    def _team_member_add(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        row = self.teams[body["team_id"]]
        row["members_with_roles"] = [*row.get("members_with_roles", ()), *body["member"]]
        return httpx.Response(200, json=row)

    def _team_member_delete(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        row = self.teams[body["team_id"]]
        row["members_with_roles"] = [
            member for member in row["members_with_roles"] if member["user_id"] != body["user_id"]
        ]
        return httpx.Response(200, json=row)

    def _team_delete(self, request: httpx.Request) -> httpx.Response:
        for name in json.loads(request.content)["team_ids"]:
            del self.teams[name]
        return httpx.Response(200, json={})

    def _user_delete(self, request: httpx.Request) -> httpx.Response:
        for name in json.loads(request.content)["user_ids"]:
            del self.users[name]
        return httpx.Response(200, json=1)
