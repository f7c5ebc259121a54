"""LiteLLM's loader in a temporary pod of the image of the next start.

It has the variables and files of the service from objects of its own, which are removed with it:
those of the project may not exist yet. Must not know what the result means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import ProgramTimeout
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.config_loader.base import (
    LOAD_CONFIG,
    LOAD_SECONDS,
    RUN_SECONDS,
    LoadResult,
    parse_result,
)
from gatewayctl.runtimes.kubernetes import context, preflight
from gatewayctl.runtimes.kubernetes.isolation import isolate
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.objects import read_objects
from gatewayctl.runtimes.kubernetes.one_off import make_pod, run_pod
from gatewayctl.runtimes.kubernetes.secrets import make_secrets
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

_POD: Final = "load-config"
_CONFIG: Final = "/app/config.yaml"


class KubernetesConfigLoader:
    """Satisfies ``runtimes.config_loader.base.ConfigLoader``."""

    def __init__(
        self,
        settings: Settings,
        *,
        kubectl: Kubectl | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._given = kubectl
        self._clock = clock
        self._sleep = sleep

    @property
    def release(self) -> str:
        return self._settings.images.litellm

    @property
    def missing(self) -> str:
        return f"the namespace {self._settings.kubernetes.namespace}"

    def of(self, settings: Settings) -> KubernetesConfigLoader:
        return KubernetesConfigLoader(
            settings, kubectl=self._given, clock=self._clock, sleep=self._sleep
        )

    def require_packages(self) -> None:
        """The image decides which packages it has."""

    def is_ready(self) -> bool:
        """True if the namespace exists.

        Raises ContextChanged for a place without consent, and ClusterForbidden for a user
        who may only read: both may still ask what a start would change.
        """
        if self._given is None:
            context.require_same_place(self._settings)
        rights = preflight.rights_to_change(self._settings.kubernetes)
        preflight.require_rights(self._kubectl, rights)
        return preflight.require_namespace(self._kubectl) != "missing"

    def fetch(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        """Create the namespace, as the start would; the node pulls the image."""
        from gatewayctl.rendering.plan import plan_files

        if not self.is_ready():
            yield Progress(subject="cluster", state="working", detail="creating the namespace")
            declared = read_objects(plan_files(self._settings, runtime="kubernetes"))
            self._kubectl.apply(item for item in declared.every if item["kind"] == "Namespace")

    def load(self, files: Sequence[RenderedFile]) -> LoadResult:
        declared = read_objects(files)
        text = LOAD_CONFIG.read_text(encoding="utf-8")
        pod = make_pod(
            declared,
            _POD,
            ("-c", text, _CONFIG, str(LOAD_SECONDS)),
            command=("python3",),
            seconds=int(RUN_SECONDS),
        )
        secrets = make_secrets(with_generated_secrets(self._settings))
        pod, beside = isolate(pod, declared, secrets)
        try:
            done = run_pod(
                self._kubectl,
                pod,
                beside,
                timeout=RUN_SECONDS,
                clock=self._clock,
                sleep=self._sleep,
            )
        except ProgramTimeout as error:
            return LoadResult(state="no_result", error=error.message)
        return parse_result(done)

    @cached_property
    def _kubectl(self) -> Kubectl:
        return self._given or context.kubectl(self._settings)
