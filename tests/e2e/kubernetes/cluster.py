"""A cluster as tests use it: kubectl, namespaces of their own, and accounts with chosen rights.

Must not know gatewayctl.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Completed = subprocess.CompletedProcess[str]
Rule = Mapping[str, Sequence[str]]
"""What RBAC allows: ``apiGroups``, ``resources``, ``verbs``."""
ROOT: Final = Path(__file__).parents[3]
READ_ONLY: Final[tuple[Rule, ...]] = (
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
)
_MADE_BY_TESTS: Final = "gatewayctl-test=yes"


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until the condition is true; fail the test if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.25)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster by its kubeconfig; ``programs`` is a folder whose kubectl is preferred."""

    kubeconfig: Path
    programs: Path | None = None

    def environment(self) -> dict[str, str]:
        """The variables for a program that uses the cluster: ``extra_env`` of a `Project`."""
        path = (
            os.environ["PATH"] if self.programs is None else f"{self.programs}:{os.environ['PATH']}"
        )
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 120) -> Completed:
        """Run kubectl to its end."""
        return subprocess.run(
            ("kubectl", *words),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **self.environment()},
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start kubectl and leave it running."""
        return subprocess.Popen(
            ("kubectl", *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.environment()},
        )

    def ok(self, *words: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl, expect exit code 0, return stdout."""
        done = self.kubectl(*words, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def get(self, *words: str) -> Any:
        """The JSON of `kubectl get`."""
        return json.loads(self.ok("get", *words, "--output", "json"))

    def apply(self, what: Path | Mapping[str, Any], *, namespace: str) -> str:
        """Apply on the server a folder of manifests, one file of them, or one object."""
        words = ["apply", "--server-side", "--namespace", namespace, "--filename"]
        if isinstance(what, Path):
            return self.ok(*words, str(what))
        return self.ok(*words, "-", stdin=json.dumps(what))

    @contextmanager
    def new_namespace(self, prefix: str = "test") -> Iterator[str]:
        """A namespace until the end of the block; the cluster goes on deleting it afterwards."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.ok("create", "namespace", name)
        self.ok("label", "namespace", name, _MADE_BY_TESTS)
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")

    @contextmanager
    def account(
        self,
        namespace: str,
        rules: Sequence[Rule],
        folder: Path,
        *,
        everywhere: Sequence[Rule] = (),
    ) -> Iterator[Path]:
        """A kubeconfig of a ServiceAccount that may do this in the namespace, and no more.

        ``everywhere`` is what it may do in the whole cluster, for example read namespaces.
        """
        name = f"account-{secrets.token_hex(4)}"
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
            namespace=namespace,
        )
        for kind, given in (("Role", rules), ("ClusterRole", everywhere)):
            for item in _role(kind, name, namespace, given):
                self.apply(item, namespace=namespace)
        try:
            yield self.kubeconfig_of(namespace, name, folder / f"{name}.kubeconfig")
        finally:
            self.kubectl("delete", "clusterrolebinding,clusterrole", name, "--ignore-not-found")

    def kubeconfig_of(
        self, namespace: str, account: str, path: Path, *, seconds: int = 3600
    ) -> Path:
        """Write a kubeconfig with a token of a ServiceAccount, valid for 10 minutes or longer."""
        token = self.token_of(namespace, account, seconds=seconds)
        words = ("config", "view", "--minify", "--flatten", "--raw", "--output", "json")
        config = json.loads(self.ok(*words))
        (context,) = config["contexts"]
        context["context"] |= {"namespace": namespace, "user": account}
        config["users"] = [{"name": account, "user": {"token": token}}]
        path.touch(mode=0o600)
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def token_of(self, namespace: str, account: str, *, seconds: int = 3600) -> str:
        """A token of a ServiceAccount; the API refuses less than 10 minutes."""
        done = self.ok(
            "create", "--raw", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            "--filename", "-",
            stdin=json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                              "spec": {"expirationSeconds": seconds}}),
        )  # fmt: skip
        return str(json.loads(done)["status"]["token"])


def _role(kind: str, name: str, namespace: str, rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    """A role with its binding to the account of the same name; nothing without rules."""
    if not rules:
        return
    group = "rbac.authorization.k8s.io"
    meta = {"name": name}
    yield {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "rules": list(rules)}
    yield {
        "apiVersion": f"{group}/v1",
        "kind": f"{kind}Binding",
        "metadata": meta,
        "roleRef": {"apiGroup": group, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
