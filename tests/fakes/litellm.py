"""The HTTP API of LiteLLM 1.106.2, in memory, behind httpx's transport.

Keys are kept by hash; aliases are unique; a secret that exists is upserted without change;
/key/info still returns deleted keys. Answers can be planted by path.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from gatewayctl.gateway.client import GatewayClient
from tests.fakes.litellm_owners import FakeOwners
from tests.fakes.projects import MASTER_KEY

URL = "http://127.0.0.1:4000"
# Fields of /key/generate that are not stored as they are sent.
_NO_COLUMN = {"key", "key_alias", "models", "metadata", "duration", "key_type"}
Handler = Callable[[httpx.Request], httpx.Response]


def error(status: int, message: str, *, kind: str = "", param: str | None = None) -> httpx.Response:
    """The error envelope; ``code`` is a string in LiteLLM."""
    inner = {"message": message, "type": kind, "param": param, "code": str(status)}
    return httpx.Response(status, json={"error": inner})


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def event_stream(*texts: str, model: str = "demo", done: bool = True) -> bytes:
    """A streamed reply as LiteLLM sends it, with the usage at the end."""
    deltas: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts
    ]
    ends: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {
            "choices": [{"index": 0, "delta": {}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        },
    ]
    events = [json.dumps(body | {"model": model}) for body in deltas + (ends if done else [])]
    return "".join(f"data: {event}\n\n" for event in events + (["[DONE]"] if done else [])).encode()


@dataclass
class FakeLiteLLM(FakeOwners):
    """``requests`` records every request; ``planted`` overrides the answers of a path.

    ``stored`` are deployments that its database has beside ``models``.
    """

    master: str = MASTER_KEY
    deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: tuple[str, ...] = ("gpt-4o", "demo")
    stored: tuple[dict[str, Any], ...] = ()
    planted: dict[str, Handler] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    phoenix: Handler = lambda _: httpx.Response(200)
    now: datetime = datetime(2026, 11, 23, tzinfo=UTC)

    def add(self, secret: str, alias: str | None = None, **fields: Any) -> str:
        """Add a key to the database; returns its hash."""
        token = sha256(secret)
        self.keys[token] = {
            "token": token,
            "key_alias": alias,
            "key_name": f"sk-...{secret[-4:]}",
            "models": [],
            "metadata": {},
            "spend": 0.0,
            "expires": None,
            "blocked": None,
            **fields,
        }
        return token

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def sent(self, path: str) -> dict[str, Any]:
        """The last body posted to a path."""
        found = [request for request in self.requests if request.url.path == path]
        body: dict[str, Any] = json.loads(found[-1].content)
        return body

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path in self.planted:
            return self.planted[path](request)
        if path == "/v1/traces":
            return self.phoenix(request)
        if path == "/v1/chat/completions":
            return self._chat(request)
        if path == "/v1/models":
            return self._models(request)
        if request.headers.get("authorization") != f"Bearer {self.master}":
            if self._token_of(request) in self.keys:
                detail = "Virtual key is not allowed to call this route."
                return httpx.Response(403, json={"detail": detail})
            return error(
                401,
                "Authentication Error, Invalid API key provided.",
                kind="token_not_found_in_db",
                param="key",
            )
        handler: Handler = getattr(self, "_" + path.strip("/").replace("/", "_"))
        return handler(request)

    def _chat(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        secret = request.headers["authorization"].removeprefix("Bearer ")
        if secret != self.master and sha256(secret) not in self.keys:
            return error(
                401, "Authentication Error, Invalid API key provided.", kind="token_not_found_in_db"
            )
        if body["model"] not in self.models:
            return error(
                400,
                f"/chat/completions: Invalid model name passed in model={body['model']}.",
                kind="invalid_request_error",
            )
        headers = {"x-litellm-call-id": "call-1"}
        if body.get("stream"):
            headers["content-type"] = "text/event-stream"
            return httpx.Response(200, headers=headers, content=event_stream("Hello ", "there."))
        reply = {
            "choices": [{"message": {"content": "Hello there."}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        }
        return httpx.Response(200, headers=headers, json=reply)

    def _v1_model_deprecations(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"deprecated": [], "imminent": [], "upcoming": []})

    def _token_of(self, request: httpx.Request) -> str:
        return sha256(request.headers.get("authorization", "").removeprefix("Bearer "))

    def _models(self, request: httpx.Request) -> httpx.Response:
        row = self.keys.get(self._token_of(request))
        if row is None:
            return error(401, "Authentication Error, Invalid.", kind="token_not_found_in_db")
        if row["blocked"]:
            return error(401, "Authentication Error, Key is blocked.", kind="auth_error")
        if row["expires"] and datetime.fromisoformat(row["expires"]) <= self.now:
            return error(401, "Authentication Error - Expired Key.", kind="expired_key")
        budget = row.get("max_budget")
        if budget is not None and row["spend"] >= budget:
            spent = f"Current cost: {row['spend']}, Max budget: {budget}"
            said = f"Budget has been exceeded! Key={row['key_alias']} (sk-...0000) {spent}"
            return error(422, said, kind="budget_exceeded")
        data = [{"id": model} for model in row["models"] or self.models]
        return httpx.Response(200, json={"data": data, "object": "list"})

    def _key_update(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        row = self.keys.get(body["key"])
        if row is None:
            return error(404, "Key not found.", kind="not_found_error", param="key")
        others = [other for other in self.keys.values() if other is not row]
        if any(other["key_alias"] == body.get("key_alias", object()) for other in others):
            return error(
                400,
                f"Key with alias '{body['key_alias']}' already exists."
                " Unique key aliases across all keys are required.",
                kind="bad_request_error",
                param="key_alias",
            )
        if "duration" in body:
            row["expires"] = None if body["duration"] is None else "2027-01-01T00:00:00Z"
        row.update({name: body[name] for name in body if name not in {"key", "duration"}})
        return httpx.Response(200, json={**row, "key": body["key"]})

    def _key_generate(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if any(row["key_alias"] == body["key_alias"] for row in self.keys.values()):
            return error(
                400,
                f"Key with alias '{body['key_alias']}' already exists."
                " Unique key aliases across all keys are required.",
                kind="bad_request_error",
                param="key_alias",
            )
        token = sha256(body["key"])
        if token not in self.keys:
            expires = "2027-01-01T00:00:00Z" if body.get("duration") else None
            self.add(
                body["key"],
                body["key_alias"],
                models=body["models"],
                metadata=body["metadata"],
                expires=expires,
                **{name: body[name] for name in body if name not in _NO_COLUMN},
            )
        return httpx.Response(200, json={**self.keys[token], "key": body["key"]})

    def _key_info(self, request: httpx.Request) -> httpx.Response:
        token = request.url.params["key"]
        if token in self.keys:
            info = {**self.keys[token], "status": "active"}
        elif token in self.deleted:
            info = {**self.deleted[token], "status": "deleted"}
        else:
            return error(404, "Key not found in database", kind="not_found_error", param="key")
        return httpx.Response(200, json={"key": token, "info": info})

    def _key_list(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        page, size = int(params.get("page", 1)), int(params.get("size", 10))
        alias = params.get("key_alias")
        if params.get("substring_matching") == "true":
            # LIKE: a backslash escapes what follows.
            part = re.sub(r"\\(.?)", r"\1", alias or "")
            rows = [row for row in self.keys.values() if part in (row["key_alias"] or "")]
        else:
            rows = [row for row in self.keys.values() if alias in (None, row["key_alias"])]
        answer = {
            "keys": rows[(page - 1) * size : page * size],
            "total_count": len(rows),
            "current_page": page,
            "total_pages": -(-len(rows) // size),
        }
        return httpx.Response(200, json=answer)

    def _key_block(self, request: httpx.Request) -> httpx.Response:
        row = self.keys.get(json.loads(request.content)["key"])
        if row is None:
            return error(404, "Key not found.", kind="not_found_error", param="key")
        row["blocked"] = True
        return httpx.Response(200, json=row)

    def _key_delete(self, request: httpx.Request) -> httpx.Response:
        tokens = json.loads(request.content)["keys"]
        found = [token for token in tokens if token in self.keys]
        if not found:
            return httpx.Response(404, json={"detail": {"error": "No keys found"}})
        for token in found:
            self.deleted[token] = self.keys.pop(token)
        return httpx.Response(200, json={"deleted_keys": tokens})

    def _v2_model_info(self, request: httpx.Request) -> httpx.Response:
        rows = [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}"}}
            for name in self.models
        ]
        return httpx.Response(200, json={"data": [*rows, *self.stored]})

    def _model_new(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.stored = (*self.stored, body)
        return httpx.Response(200, json=body)

    def _model_delete(self, request: httpx.Request) -> httpx.Response:
        number = json.loads(request.content)["id"]
        kept = tuple(row for row in self.stored if row["model_info"]["id"] != number)
        if len(kept) == len(self.stored):
            return error(400, f"{{'error': 'Model with id={number} not found in db'}}")
        self.stored = kept
        return httpx.Response(200, json={"message": "deleted"})

    def _router_settings(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"current_values": {}, "source": {}})

    def _config_list(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[])


@contextmanager
def served(fake: FakeLiteLLM) -> Iterator[GatewayClient]:
    """A client of the fake, closed at the end."""
    with httpx.Client(transport=fake.transport()) as http:
        yield GatewayClient(http, URL)
