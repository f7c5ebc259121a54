"""A fault at each step of creating and rotating a key, with the real LiteLLM.

After any of them, the next `keys create` or `keys check --fix` leaves one live key of
the alias, and the gateway accepts the value in .env.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from gatewayctl.errors import GatewayctlError
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.keys import NewKey, VirtualKey, generate_key, hash_key, iterate_keys
from gatewayctl.generators import drain
from gatewayctl.operations.keys.check import check_keys
from gatewayctl.operations.keys.create import create_keys
from gatewayctl.operations.keys.metadata import declared_metadata, is_predecessor
from gatewayctl.operations.keys.request import KeyRequest
from gatewayctl.operations.keys.rotate import rotate_key
from gatewayctl.operations.keys.values import read_env_file_values
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.transport import new_http_client
from tests.e2e.conftest import PROGRAM, Project
from tests.fakes.fault_proxy import Fault, FaultProxy, Kind, between

ENV = "APP_KEY"
NUMBERS = itertools.count(1)
IMPATIENT = httpx.Timeout(0.4, connect=5)

# The requests of each verb, in order; a test below checks them.
STEPS = {
    "create": ("GET /key/list", "POST /key/generate"),
    "replace": (
        "GET /key/list", "POST /key/update", "POST /key/block", "POST /key/delete",
        "GET /key/info", "POST /key/generate",
    ),
    "rotate": (
        "GET /key/list", "POST /key/generate", "GET /v1/models",
        "POST /key/update", "POST /key/block", "POST /key/delete", "GET /key/info",
        "POST /key/update",
    ),
    "rotate with grace": (
        "GET /key/list", "POST /key/generate", "GET /v1/models",
        "POST /key/update", "POST /key/update", "GET /key/info",
    ),
}  # fmt: skip
FAULTS = [
    # `make test` takes the last step of each verb, `make test-full` all of them.
    pytest.param(
        verb,
        at,
        kind,
        id=f"{verb}-{at}-{kind}",
        marks=() if at == len(steps) else pytest.mark.full,
    )
    for verb, steps in STEPS.items()
    for at in range(1, len(steps) + 1)
    for kind in get_args(Kind)
]


class ImpatientClient(GatewayClient):
    """Has a short timeout for the answer that will be late, which saves a test half a minute."""

    def __init__(self, http: httpx.Client, proxy: FaultProxy) -> None:
        super().__init__(http, proxy.url)
        self._proxy = proxy

    def call(self, method: str, path: str, **rest: Any) -> Any:
        if self._proxy.due(len(self._proxy.seen) + 1) == "late":
            rest["timeout"] = IMPATIENT
        return super().call(method, path, **rest)


@dataclass(kw_only=True)
class Desk:
    """A project on the shared gateway, which it reaches through the proxy."""

    folder: Path
    proxy: FaultProxy
    direct: GatewayClient
    through: GatewayClient
    master: Secret
    name: str

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder, environ={}, flags={})

    @property
    def alias(self) -> str:
        return self.name

    def live(self) -> list[VirtualKey]:
        """Every live key that this project created, or that has its alias."""
        return [
            key
            for key in iterate_keys(self.direct, self.master)
            if key.metadata.get("project") == self.name or key.alias == self.alias
        ]

    def stored(self) -> Secret | None:
        return read_env_file_values(self.settings).get(ENV)

    def opens(self, secret: Secret | None) -> bool:
        assert secret is not None
        headers = {"Authorization": f"Bearer {secret.reveal()}"}
        answer = httpx.get(f"{self.direct.base_url}/v1/models", headers=headers, timeout=30)
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    def prepare(self, verb: str) -> None:
        """Set up what the verb needs."""
        if verb.startswith("rotate"):
            drain(create_keys(self.settings, self.direct, KeyRequest()))
        if verb == "replace":
            # A key of ours, and its secret is lost.
            metadata = declared_metadata(self.settings.keys[0], self.name)
            lost = NewKey(
                alias=self.alias,
                secret=Secret(f"sk-lost-and-deleted-{self.name}"),
                metadata=metadata,
            )
            generate_key(self.direct, self.master, lost)

    def arguments(self, verb: str) -> list[str]:
        rotate = ["keys", "rotate", self.alias]
        return {"rotate": rotate, "rotate with grace": [*rotate, "--grace", "1h"]}.get(
            verb, ["keys", "create"]
        )

    def run(self, verb: str) -> None:
        """Run the verb in this process; its failure is not what the test checks."""
        with contextlib.suppress(GatewayctlError):
            if verb.startswith("rotate"):
                grace = "1h" if verb.endswith("grace") else None
                rotate_key(self.settings, self.through, self.alias, grace=grace)
            else:
                drain(create_keys(self.settings, self.through, KeyRequest()))

    def run_and_die(self, verb: str) -> int:
        """Run the verb in another process, which the proxy kills."""
        project = Project(folder=self.folder, ports={})
        process = project.start(*self.arguments(verb))
        self.proxy.aim(process.pid)
        process.communicate(timeout=60)
        return process.returncode

    def assert_whole(self, *, grace: bool = False) -> None:
        """Assert one live key, held by .env, and nothing else of this project."""
        secret, keys = self.stored(), self.live()
        current = [key for key in keys if key.alias == self.alias]
        others = [key for key in keys if key not in current]
        assert secret is not None
        assert [key.hash for key in current] == [hash_key(secret)]
        assert self.opens(secret)
        assert [key.alias for key in others if not (grace and is_predecessor(key))] == []
        assert all(key.expires is not None for key in others)
        assert len(others) <= 1
        files = {path.name for path in self.folder.iterdir()}
        assert files == {".env", "gateway.yaml", ".gatewayctl"}
        names = set(read_env_file_values(self.settings))
        assert names == {"LITELLM_MASTER_KEY", ENV}


@pytest.fixture(scope="module")
def proxy(stack: Project) -> Iterator[FaultProxy]:
    with between(stack.ports["litellm"]) as created:
        yield created


@pytest.fixture
def desk(stack: Project, proxy: FaultProxy, tmp_path: Path) -> Iterator[Desk]:
    master = stack.secrets()["LITELLM_MASTER_KEY"]
    name = f"fault-{next(NUMBERS)}"
    text = f"project_name: {name}\nports: {{litellm: {proxy.port}}}\nkeys:\n  {name}: {ENV}\n"
    (tmp_path / "gateway.yaml").write_text(text)
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={master}\n")
    (tmp_path / ".env").chmod(0o600)
    proxy.arm(None)
    with new_http_client() as http:
        created = Desk(
            folder=tmp_path,
            proxy=proxy,
            direct=GatewayClient(http, stack.gateway_url),
            through=ImpatientClient(http, proxy),
            master=Secret(master),
            name=name,
        )
        yield created
        headers = {"Authorization": f"Bearer {master}"}
        left = [key.hash for key in created.live()]
        if left:
            http.post(f"{stack.gateway_url}/key/delete", headers=headers, json={"keys": left})


@pytest.mark.parametrize("verb", STEPS)
def test_the_requests_of_each_verb_are_those_that_the_faults_hit(desk: Desk, verb: str) -> None:
    desk.prepare(verb)
    desk.proxy.arm(None)

    desk.run(verb)

    assert tuple(desk.proxy.seen) == STEPS[verb]
    desk.assert_whole(grace=verb.endswith("grace"))


@pytest.mark.parametrize(("verb", "at", "kind"), FAULTS)
def test_after_a_fault_the_next_run_leaves_one_live_key_that_env_holds(
    desk: Desk, verb: str, at: int, kind: Kind
) -> None:
    desk.prepare(verb)
    desk.proxy.arm(Fault(at=at, kind=kind))

    if kind in {"killed", "killed-after"}:
        assert desk.run_and_die(verb) == -9
    else:
        desk.run(verb)

    assert kind != "late" or desk.proxy.done_late.wait(30)
    assert len(desk.proxy.seen) >= at
    if verb.startswith("rotate"):
        # While rotating, .env always holds a key that works.
        assert desk.opens(desk.stored())
    desk.proxy.arm(None)
    if (at + get_args(Kind).index(kind)) % 2:
        drain(create_keys(desk.settings, desk.direct, KeyRequest()))
    else:
        assert drain(check_keys(desk.settings, desk.direct, fix=True)).problem is None
    desk.assert_whole(grace=verb.endswith("grace"))


@pytest.mark.parametrize("verb", STEPS)
def test_a_full_disk_changes_nothing(desk: Desk, verb: str) -> None:
    desk.prepare(verb)
    before = desk.stored(), {key.hash for key in desk.live()}
    # Files cannot grow, as on a full disk.
    script = 'ulimit -f 0; exec "$0" "$@"'
    project = Project(folder=desk.folder, ports={}, program=("sh", "-c", script, str(PROGRAM)))

    done = project.run(*desk.arguments(verb))

    assert done.returncode == 3, done.stderr
    assert "Cannot write" in done.stderr
    assert (desk.stored(), {key.hash for key in desk.live()}) == before
    drain(create_keys(desk.settings, desk.direct, KeyRequest()))
    desk.assert_whole()


def test_an_interrupted_rotation_is_reported_and_fixed_by_the_command_line(
    desk: Desk,
) -> None:
    desk.prepare("rotate")
    desk.proxy.arm(Fault(at=4, kind="cut"))
    desk.run("rotate")
    desk.proxy.arm(None)
    project = Project(folder=desk.folder, ports={})

    checked = project.run("keys", "check")
    listed_then = project.ok("keys", "list")
    fixed = project.run("keys", "check", "--fix")

    assert (checked.returncode, fixed.returncode) == (8, 0)
    assert "its rotation was interrupted" in checked.stderr
    assert "unfinished" in listed_then
    desk.assert_whole()
