"""Engines that are not on this machine's usual socket, and users who are not root at home."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, make_project
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import left_of_project, remove_project
from tests.e2e.failure import failed
from tests.e2e.wheel import install_for_others
from tests.fakes.other_user import NOBODY
from tests.fakes.upstream import serving

SOCKET = Path("/var/run/docker.sock")


def test_a_folder_that_the_engine_cannot_see_is_reported_and_nothing_is_created(
    new_project: MakeProject, tmp_path: Path
) -> None:
    project = new_project()
    project.ok("init")
    # A disk that was mounted for this program only: the engine sees the empty folder below it.
    script = (
        'mount -t tmpfs none "$1" && cp -a gateway.yaml .env "$1" && cd "$1" && shift && exec "$@"'
    )
    own = ("unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path))
    project.program = (*own, *project.program)

    found = failed(project, "up")

    assert found.where[:2] == (4, "runtime_unavailable"), found
    assert "bind source path does not exist" in found.error["message"]
    assert "below your home folder" in found.error["hint"]
    assert left_of_project(project.name) == []
    assert not list(tmp_path.iterdir())


@contextmanager
def behind_tls(folder: Path) -> Iterator[int]:
    """The engine at a port of this machine, for clients with the certificate in the folder."""
    words = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(["openssl", "req", *words, *files, *names], check=True, capture_output=True)
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as client,
                socket.socket(socket.AF_UNIX) as engine,
            ):
                engine.connect(str(SOCKET))
                back = threading.Thread(target=copy, args=(engine, client))
                back.start()
                copy(client, engine)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def test_an_engine_at_a_port_with_tls_is_found_and_used(tmp_path: Path) -> None:
    project = make_project(tmp_path / "shop", runtime="auto", name=f"e2e-{secrets.token_hex(4)}")
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    with behind_tls(certificates) as port:
        project.extra_env = {
            "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(certificates),
        }
        data = json.loads(project.run("status", "--json").stdout)["data"]
        assert (data["runtime"], data["runtime_why"]) == ("docker", "a Docker engine answers")
        assert {each["state"] for each in data["services"]} == {"stopped"}

        # Without its certificate the engine refuses, and is not waited for.
        project.extra_env["DOCKER_CERT_PATH"] = str(tmp_path)
        data = json.loads(project.run("status", "--json").stdout)["data"]
        assert data["runtime"] == "embedded"


@pytest.fixture
def of_nobody() -> Iterator[Project]:
    """A project of a user of the engine's group, with a closed umask and a home that is read-only.

    Its path has blanks and letters of several scripts. Where the tests do not run as root it is
    this user's own.
    """
    with tempfile.TemporaryDirectory() as top:
        home, folder = Path(top, "home"), Path(top, "home", "Mein  Gateway, naïve 日本語 проект")
        config = home / ".docker"
        config.mkdir(parents=True)
        plugins = ("cli-plugins/docker-compose",)
        for plugin in plugins:
            known = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", plugin)
            if known.exists():
                (config / plugin).parent.mkdir()
                shutil.copy(known, config / plugin)
        project = make_project(folder, runtime="docker", name=f"e2e-{secrets.token_hex(4)}")
        project.extra_env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        project.extra_env["DOCKER_CONFIG"] = str(config)
        drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            for file in folder.iterdir():
                os.chown(file, NOBODY, NOBODY)
            installed = install_for_others(Path(top, "installed"))
            project.program = (str(installed),)
            group = f"--groups={SOCKET.stat().st_gid}"
            drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", group)
        Path(top).chmod(0o755)
        home.chmod(0o555)
        project.program = (*drop, "sh", "-c", 'umask 077; exec "$0" "$@"', *project.program)
        try:
            yield project
        finally:
            project.run("down", "--volumes", "--yes")
            remove_project(project.name)
            home.chmod(0o755)


def test_another_user_runs_the_stack_and_reaches_servers_of_this_machine(
    of_nobody: Project,
) -> None:
    project = of_nobody
    with serving("0.0.0.0") as upstream:  # noqa: S104 - reachable from the engine's bridge
        port = upstream.url.split(":")[2]
        inside, near = f"http://host.docker.internal:{port}", f"http://127.0.0.1:{port}"
        with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write("models:\n")
            for name, address in (("right", inside), ("wrong", near)):
                config.write(
                    f"  {name}: {{model: openai/relay, api_base: '{address}', num_retries: 0,"
                    " api_key_env: none}\n"
                )
        report = project.data("up", "--timeout", "280")

        assert report["tracing"] == "verified"
        (warning,) = report["warnings"]
        assert warning.startswith(f"models.wrong: {near} is the container of LiteLLM itself.")
        assert f"Write api_base: {inside}." in warning
        assert project.ok("chat", "--model", "right", "hello").strip()
        assert upstream.of_model("relay")
        refused = failed(project, "chat", "--model", "wrong", "hello")
        assert f"write api_base: {inside}" in refused.error["hint"]
    assert {each.stat().st_uid for each in project.folder.rglob("*")} == {os.geteuid() or NOBODY}
    assert (project.folder / ".env").stat().st_mode & 0o077 == 0
    assert not report["changed"] or project.data("up")["changed"] is False
    project.ok("backup")
