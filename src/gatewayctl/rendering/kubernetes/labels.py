"""The labels that say whose an object is, and by which its pods are selected.

Must not know the objects.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.settings.model import Settings

MANAGER: Final = "gatewayctl"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "app.kubernetes.io/instance"
NAME: Final = "app.kubernetes.io/name"
PART_OF: Final = "app.kubernetes.io/part-of"
SECRET_VERSION: Final = "gatewayctl.dev/secret-version"  # noqa: S105
"""Annotation of a pod template, set when the objects are applied: a new Secret restarts pods."""
TRACE_CLIENT: Final = "gatewayctl.dev/phoenix-client"
"""Label of the pods of others that may talk to Phoenix, with the value ``"true"``."""


def instance(settings: Settings) -> str:
    """The project's name as the value of a label, which cannot end with a hyphen."""
    return settings.project_name.rstrip("-")


def project_labels(settings: Settings) -> dict[str, str]:
    """The labels of every object of the project, without the name of a service."""
    return {MANAGED_BY: MANAGER, INSTANCE: instance(settings), PART_OF: MANAGER}


def service_labels(settings: Settings, service: str) -> dict[str, str]:
    """The labels of the objects of one service."""
    return {**project_labels(settings), NAME: service}


def selector(settings: Settings, service: str) -> dict[str, str]:
    """The labels by which the pods of one service are selected."""
    return {INSTANCE: instance(settings), NAME: service}


def service_account(settings: Settings) -> str:
    """The name of the ServiceAccount of the project's pods."""
    return f"gatewayctl-{instance(settings)}"
