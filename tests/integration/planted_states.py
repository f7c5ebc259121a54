"""States of a project that is up: what is wrong in each, planted as a user or an accident would."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from gatewayctl.runtimes.self_check import Fault
from tests.fakes.answers import litellm_without_database
from tests.fakes.litellm import error as refusal
from tests.fakes.litellm import sha256
from tests.integration.living_project import LivingProject
from tests.integration.stack_project import Project

Step = Callable[[LivingProject], object]


def stop(project: LivingProject) -> None:
    project.run("down")


def stop_one(service: str) -> Step:
    return lambda project: project.runtime.processes.update({service: "stopped"})


def change_c_library(project: LivingProject) -> None:
    project.runtime.server.outdated = {"litellm"}


def forget_key(project: LivingProject) -> None:
    project.litellm.keys.pop(sha256(project.secrets()["LITELLM_API_KEY"]))


def use_other_master_key(project: LivingProject) -> None:
    project.edit("LITELLM_MASTER_KEY", "sk-another-0123456789abcdef")
    project.runtime.differs = {"litellm"}


def lose_database(project: LivingProject) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return refusal(500, "No connected db.", kind="no_db_connection")

    planted = project.litellm.until_restart
    planted["/key/list"] = planted["/key/info"] = planted["/v1/models"] = answer
    if not planted.get("/health/readiness"):
        planted["/health/readiness"] = litellm_without_database


def lose_keys_only(project: LivingProject) -> None:
    """LiteLLM says that it is ready, and has no database for keys."""
    lose_database(project)
    del project.litellm.until_restart["/health/readiness"]


def silence_phoenix(project: LivingProject) -> None:
    def hang(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    project.litellm.until_restart["/healthz"] = hang


def lose_spans(project: LivingProject) -> None:
    path = "/v1/projects/gateway/spans"
    answer = project.litellm.planted[path]

    def drop(request: httpx.Request) -> httpx.Response:
        found = answer(request)
        body = found.json() | {"data": []}
        return httpx.Response(200, headers={"x-phoenix-server-version": "20"}, json=body)

    # Spans are lost by LiteLLM: they arrive once it is started again.
    project.litellm.until_restart[path] = drop
    started = project.runtime.started

    def and_send_them(services: set[str]) -> None:
        assert started is not None
        started(services)
        if "litellm" in services:
            project.litellm.until_restart.pop(path, None)

    project.runtime.started = and_send_them


def serve_less(project: LivingProject) -> None:
    project.litellm.models = ("demo",)
    project.runtime.differs = {"litellm"}


def add_model_in_ui(project: LivingProject | Project) -> None:
    project.litellm.stored = (
        {
            "model_name": "ui-model",
            "litellm_params": {"model": "groq/x"},
            "model_info": {"id": "id-1", "db_model": True},
        },
    )


def restrict_key(project: LivingProject) -> None:
    project.litellm.keys[sha256(project.secrets()["LITELLM_API_KEY"])]["models"] = ["demo"]


def open_management(project: LivingProject) -> None:
    key = project.secrets()["LITELLM_API_KEY"]
    answer = project.litellm._key_list

    def open_to(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == f"Bearer {key}":
            return httpx.Response(200, json={"keys": []})
        if request.headers["authorization"] != f"Bearer {project.litellm.master}":
            return httpx.Response(403, json={"detail": "Not allowed."})
        return answer(request)

    project.litellm.planted["/key/list"] = open_to


def edit_rendered_file(project: LivingProject) -> None:
    (project.folder / "compose" / "litellm_config.yaml").write_text("# mine\n")


def weaken_master_key(project: LivingProject) -> None:
    project.edit("LITELLM_MASTER_KEY", "sk-1234")
    project.runtime.differs = {"litellm"}


def plant_fault(finding: str) -> Step:
    return lambda project: project.runtime.faults.append(Fault(finding=finding, evidence="x"))


def remove(name: str) -> Step:
    def plant(project: LivingProject) -> None:
        project.edit(name, None)
        project.runtime.differs = {"litellm"}

    return plant


def be_in_git(project: LivingProject) -> None:
    (project.folder / ".git").mkdir()
    (project.folder / ".gitignore").unlink()


def declare_only(project: LivingProject) -> None:
    """The folder of a project that was cloned: gateway.yaml and no .env."""
    (project.folder / "gateway.yaml").write_text("project_name: shop\n")


def have_provider_key_in_file(project: LivingProject) -> None:
    (project.folder / "key.txt").write_text("sk-proj-0123456789abcdef0123456789\n")


def send_traces_elsewhere(project: LivingProject) -> None:
    project.edit("PHOENIX_COLLECTOR_HTTP_ENDPOINT", "http://127.0.0.1:9/v1/traces")


def declare_retention(project: LivingProject) -> None:
    with (project.folder / "gateway.yaml").open("a") as file:
        file.write("retention: {traces: 30d}\n")
