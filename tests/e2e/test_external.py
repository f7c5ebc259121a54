"""A gateway that another folder started, used with `runtime: external`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme

from tests.e2e.conftest import Project
from tests.e2e.contract.start import SERVICE, STATUS
from tests.fakes.http_server import listening

CONFIG = """\
project_name: consumer
runtime: external
external: {{url: {url}/, phoenix_url: {phoenix}}}
keys:
  consumer-app: {{env: CONSUMER_KEY, models: [relay, demo], metadata: {{team: search}}}}
"""
OF_THE_OWNER = (("up",), ("down", "--volumes", "--yes"), ("reset", "--yes"))


def make_consumer(folder: Path, stack: Project, url: str, *, master: str | None = None) -> Project:
    """A project without any service, which knows the stack by its addresses."""
    folder.mkdir(exist_ok=True)
    config = CONFIG.format(url=url, phoenix=stack.phoenix_url)
    (folder / "gateway.yaml").write_text(config, encoding="utf-8")
    key = stack.secrets()["LITELLM_MASTER_KEY"] if master is None else master
    (folder / ".env").write_text(f"LITELLM_MASTER_KEY={key}\n" if key else "", encoding="utf-8")
    (folder / ".env").chmod(0o600)
    return Project(folder=folder, ports=stack.ports, name="consumer")


@pytest.fixture
def consumer(stack: Project, tmp_path: Path) -> Iterator[Project]:
    made = make_consumer(tmp_path / "consumer", stack, stack.gateway_url)
    yield made
    if "CONSUMER_KEY" in made.secrets():
        made.run("keys", "revoke", "consumer-app", "--yes")


def pids(stack: Project) -> dict[str, int]:
    return {each["service"]: each["pid"] for each in stack.data("status")["services"]}


def test_keys_are_synced_chat_is_verified_and_nothing_is_stopped(
    stack: Project, consumer: Project
) -> None:
    before = pids(stack)

    planned = consumer.run("plan", "--json")
    consumer.ok("keys", "sync")
    chat = consumer.data("chat", "--model", "relay", "--verify", "Hello from elsewhere")

    plan = json.loads(planned.stdout)["data"]
    assert (planned.returncode, plan["keys"][0]["action"]) == (8, "create")
    assert (plan["files"], plan["services"], plan["secrets"]) == ([], [], [])
    assert consumer.data("plan")["changed"] is False
    assert "Nothing to do" in consumer.ok("keys", "sync")
    assert consumer.data("keys", "check")["keys"][0]["ok"]
    assert (chat["reply"], chat["verified"]) == ("Hello from upstream.", True)
    status = consumer.data("status")
    assert (status["runtime"], status["healthy"]) == ("external", True)
    assert [s["service"] for s in status["services"]] == ["litellm", "phoenix"]
    assert all(service["version"] for service in status["services"])
    assert set(status) >= STATUS
    assert all(set(service) >= SERVICE for service in status["services"])
    assert chat["trace_id"] in {
        call["trace_id"] for call in consumer.data("trace", "list", "--limit", "20")["calls"]
    }
    assert {"relay", "demo"} <= {m["model"] for m in consumer.data("models", "list")["models"]}
    assert consumer.data("usage", "--by", "key")["total"]["requests"] >= 1
    assert consumer.ok("env").startswith(f"LLM_BASE_URL={stack.gateway_url}\n")
    assert consumer.ok("ui", "--print").strip() == f"{stack.gateway_url}/ui"
    doctor = consumer.run("doctor", "--json").stdout
    states = {each["name"]: each["state"] for each in json.loads(doctor)["data"]["checks"]}
    assert (states["virtual keys"], states["traces"], states["ports"]) == ("ran", "ran", "skipped")
    assert "failed" not in states.values()
    assert "gatewayctl restart" not in doctor

    refused = [consumer.run(*words, "--json") for words in OF_THE_OWNER]
    codes = {(r.returncode, json.loads(r.stdout)["error"]["code"]) for r in refused}
    assert codes == {(4, "externally_managed")}
    assert pids(stack) == before
    assert sorted(path.name for path in consumer.folder.iterdir()) == [
        *(".env", ".gatewayctl", "gateway.yaml"),
    ]
    assert not (consumer.folder / ".gatewayctl" / "runtime").exists()
    assert "LITELLM_SALT_KEY" not in consumer.secrets()


def test_https_with_a_ca_of_its_own_and_a_path_before_the_gateway(
    stack: Project, tmp_path: Path
) -> None:
    ca, seen = trustme.CA(), list[str]()
    with httpx.Client(base_url=stack.gateway_url, timeout=60) as inner:

        def forward(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.path)
            path = request.url.raw_path.decode().removeprefix("/llm")
            kept = {k: v for k, v in request.headers.items() if k not in {"host", "connection"}}
            answer = inner.request(request.method, path, headers=kept, content=request.content)
            headers = {k: v for k, v in answer.headers.items() if k != "content-encoding"}
            return httpx.Response(answer.status_code, headers=headers, content=answer.content)

        with listening(forward, certificate=ca.issue_cert("localhost")) as port:
            folder = tmp_path / "behind-tls"
            there = make_consumer(folder, stack, f"https://localhost:{port}/llm/")
            untrusted = there.run("keys", "list", "--json")
            ca.cert_pem.write_to_path(str(folder / "company.pem"))
            with (folder / "gateway.yaml").open("a", encoding="utf-8") as config:
                config.write("ca_bundle: company.pem\n")
            there.ok("keys", "sync")
            chat = there.data("chat", "--model", "demo", "--verify", "Hello")
            status = there.data("status")
            there.ok("keys", "revoke", "consumer-app", "--yes")

    error = json.loads(untrusted.stdout)["error"]
    assert (untrusted.returncode, error["code"]) == (5, "gateway_unreachable")
    assert "certificate verify failed" in error["message"]
    assert "gatewayctl up" not in error["hint"]
    assert (chat["verified"], status["healthy"]) == (True, True)
    assert status["gateway_url"] == f"https://localhost:{port}/llm"
    assert all(path.startswith("/llm/") for path in seen)


def test_a_key_without_admin_rights_can_chat_and_is_told_what_it_lacks(
    stack: Project, tmp_path: Path
) -> None:
    key = stack.secrets()["LITELLM_API_KEY"]
    weak = make_consumer(tmp_path / "weak", stack, stack.gateway_url, master=key)
    weak = replace(weak, extra_env={"CONSUMER_KEY": stack.secrets()["LITELLM_EVAL_KEY"]})

    listed = weak.run("keys", "list", "--json")
    chat = weak.run("chat", "--model", "demo", "--verify", "--timeout", "8", "--json", "Hello")

    error = json.loads(listed.stdout)["error"]
    assert (listed.returncode, error["code"]) == (6, "master_key_refused")
    assert "another key of an admin" in error["hint"]
    data = json.loads(chat.stdout)["data"]
    assert (chat.returncode, data["verified"], bool(data["reply"])) == (5, None, True)
    ledger = [each for each in data["verification"]["checks"] if each["name"] == "ledger_entry"]
    assert "refuses LITELLM_MASTER_KEY" in ledger[0]["detail"]


def test_without_a_phoenix_or_a_master_key_each_command_says_so(
    stack: Project, tmp_path: Path
) -> None:
    bare = Project(folder=tmp_path, ports=stack.ports)
    bare.extra_env = {
        "GATEWAYCTL_EXTERNAL_URL": f"{stack.gateway_url}/",
        "GATEWAYCTL_RUNTIME": "external",
        "LITELLM_API_KEY": stack.secrets()["LITELLM_API_KEY"],
    }

    def failure(*words: str) -> tuple[int, str]:
        done = bare.run(*words, "--json")
        return done.returncode, json.loads(done.stdout)["error"]["code"]

    named = ("--key-env", "LITELLM_API_KEY", "--model", "demo")
    chat = bare.data("chat", *named, "Hello")
    assert (bool(chat["reply"]), chat["trace_exported"], chat["warnings"]) == (True, False, [])
    assert bare.data("status")["phoenix_url"] is None
    assert failure("chat", *named, "--verify", "Hello") == (7, "trace_store_not_queryable")
    assert failure("trace", "list") == (7, "trace_store_not_queryable")
    assert failure("ui", "phoenix", "--print")[0] == 2
    assert failure("keys", "list") == (3, "master_key_missing")
    assert failure("usage") == (3, "master_key_missing")
    bare.extra_env["GATEWAYCTL_EXTERNAL_URL"] = "http://127.0.0.1:9"
    assert failure("status") == (4, "not_healthy")
    assert failure("chat", *named, "Hello") == (5, "gateway_unreachable")
    assert list(tmp_path.iterdir()) == []
