"""The verb scale: another number of LiteLLM's pods, kept in gateway.yaml.

- Checked before anything changes: the runtime, the setting, and what a start checks (ports,
  permissions, LiteLLM's loader). gateway.yaml is as before if that refuses.
- Once gateway.yaml has the number, `up` or the same `scale` continues after any interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from gatewayctl.errors import FileUnreadable, RuntimeUnavailable, SettingsProblem, UsageProblem
from gatewayctl.files.atomic import require_writable, write_text
from gatewayctl.operations.diagnosis.failure import explain_failures
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.init import ensure_project
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.start import prepare_start, start_stack
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.state.salt_key import require_same_salt_key
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.edits.gateway_yaml_edit import with_value
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import RuntimeName, Settings

SERVICE: Final = "litellm"
MOST: Final = 1000
_INSTEAD: Final[dict[RuntimeName, str]] = {
    "docker": "Set `workers: {count}` in gateway.yaml, then run `gatewayctl up`: LiteLLM runs as "
    "so many processes.",
    "embedded": "One process serves everything here. Use --runtime docker with `workers: {count}` "
    "in gateway.yaml, or a cluster: --runtime kubernetes.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleReport:
    """The pods of a service now and before; ``redis``: what became of Redis with them.

    ``services`` are the states after the change, ``secrets_added`` variables that .env lacked.
    """

    service: str
    before: int
    replicas: int
    changed: bool
    redis: Literal["added", "removed", "unchanged"]
    services: tuple[ServiceReport, ...]
    warnings: tuple[str, ...] = ()
    secrets_added: tuple[str, ...] = ()


def scale(
    resolved: ResolvedRuntime,
    load: Callable[[], Project],
    settings: Settings,
    replicas: int,
    *,
    timeout: float | None = None,
) -> Generator[Progress, None, ScaleReport]:
    """Set the number of LiteLLM's pods in gateway.yaml, apply it and wait for the rollout.

    ``timeout`` in seconds. Raises RuntimeUnavailable where there are no pods, SettingsProblem
    where another setting decides, and what `up` raises.
    """
    _require_scalable(settings, resolved, replicas)
    require_master_key(settings)
    before = settings.kubernetes.replicas
    with (
        change_project(settings, "scale", f"{SERVICE}={replicas}") as change,
        explain_failures(resolved.runtime, settings.state_dir),
    ):
        require_same_salt_key(settings)
        change.state = "Nothing was changed."
        with _change_replicas(settings, replicas):
            # Redis, which comes with a second pod, needs a password that stays.
            ensured = ensure_project(load().settings)
            project = load()
            prepared = yield from prepare_start(project.settings, project.resolved)
        change.state = "gateway.yaml has the new number; `gatewayctl up` applies it."
        done = yield from start_stack(project, timeout=timeout)
    return ScaleReport(
        service=SERVICE,
        before=before,
        replicas=replicas,
        changed=replicas != before or bool(done.restarted),
        redis=_compare_redis(settings, project.settings),
        services=done.services,
        warnings=(*ensured.warnings, *prepared.warnings),
        secrets_added=ensured.env_added,
    )


def parse_target(text: str) -> int:
    """The number of pods of ``litellm=N``. Raises UsageProblem."""
    service, equals, number = text.partition("=")
    example = f"For example: {SERVICE}=3."
    if not equals or not number.isascii() or not number.isdecimal():
        raise UsageProblem(f"Invalid target {text!r}: expected {SERVICE}=N.", hint=example)
    if service != SERVICE:
        raise UsageProblem(
            f"Only {SERVICE} can be scaled, not {service!r}: the other services keep their data in "
            "one place.",
            hint=example,
        )
    if not 1 <= (replicas := int(number[:9])) <= MOST:
        raise UsageProblem(
            f"Invalid number of pods {number!r}: expected 1 to {MOST}.",
            hint="`gatewayctl down` stops the stack and keeps its data.",
        )
    return replicas


def _require_scalable(settings: Settings, resolved: ResolvedRuntime, replicas: int) -> None:
    """Raise the reason why the number of pods is not ours to set."""
    if resolved.name != "kubernetes":
        raise RuntimeUnavailable(
            f"The {resolved.name} runtime has no pods to scale.",
            hint=_INSTEAD[resolved.name].format(count=replicas),
        )
    limits = settings.kubernetes.autoscaling
    if limits is not None:
        raise SettingsProblem(
            "kubernetes.autoscaling in gateway.yaml decides the number of pods: "
            f"{limits.min_replicas} to {limits.max_replicas}.",
            hint="Change kubernetes.autoscaling.min and .max and run `gatewayctl up`, or remove "
            "kubernetes.autoscaling.",
        )


@contextmanager
def _change_replicas(settings: Settings, replicas: int) -> Iterator[None]:
    """gateway.yaml with the number; as it was before if what follows fails.

    Raises SettingsProblem where it cannot be set in one line, and FileUnwritable.
    """
    file = settings.config_file
    before = _read(settings)
    after = with_value(before, "kubernetes", "replicas", replicas)
    if settings.kubernetes.replicas == replicas or after == before:
        yield
        return
    require_writable(file.resolve())
    write_text(file, after)
    try:
        yield
    except BaseException:
        if _read(settings) == after:
            write_text(file, before)
        raise


def _read(settings: Settings) -> str:
    try:
        return settings.config_file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"Cannot read {settings.config_file}.") from error


def _compare_redis(before: Settings, after: Settings) -> Literal["added", "removed", "unchanged"]:
    had, has = (each.needs_redis_in("kubernetes") for each in (before, after))
    if had == has:
        return "unchanged"
    return "added" if has else "removed"
