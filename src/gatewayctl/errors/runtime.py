"""Exit 4: Docker or a process failed."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors.base import GatewayctlError

_OR_EMBEDDED: Final = "or use --runtime embedded, which needs no Docker."


class RuntimeProblem(GatewayctlError):
    """The runtime of the services failed."""

    code = "runtime"
    exit_code = 4
    remedy = "See `gatewayctl logs`."


class RuntimeUnavailable(RuntimeProblem):
    """The requested runtime cannot be used on this machine."""

    remedy = "Use --runtime embedded, which needs no Docker."


class EngineMissing(RuntimeUnavailable):
    """The program `docker` is not installed."""

    remedy = f"Install Docker Engine (docs.docker.com/engine/install), {_OR_EMBEDDED}"


class EngineNotRunning(RuntimeUnavailable):
    """Docker is installed, but its engine does not answer."""

    remedy = f"Start it (`sudo systemctl start docker`, or open Docker Desktop), {_OR_EMBEDDED}"


class EnginePermission(RuntimeUnavailable):
    """The Docker engine runs, but this user has no access to it."""

    remedy = f"Join its group (`sudo usermod -aG docker $USER`) and log in again, {_OR_EMBEDDED}"


class ComposeMissing(RuntimeUnavailable):
    """The Compose plugin of Docker is missing or too old."""

    remedy = f"Install the Compose plugin (docs.docker.com/compose/install/linux), {_OR_EMBEDDED}"


class ImageMissing(RuntimeProblem):
    """A container image is neither on this machine nor in its registry."""

    remedy = "Correct its name under images: or apps: in gateway.yaml, or run `docker login`."


class RegistryUnreachable(RuntimeProblem):
    """A container image is not on this machine, and its registry does not answer."""

    finding = "image_missing"
    remedy = (
        "Check the network and the proxy, or load the image with `docker load`; then run again."
    )


class BuildFailed(RuntimeProblem):
    """The image of an application could not be built."""

    remedy = "Correct its Dockerfile or its sources, then run `gatewayctl up` again."


class ProjectNameTaken(RuntimeProblem):
    """A project with the same name in another folder has containers already."""

    remedy = "Choose another project_name in gateway.yaml, or run `gatewayctl down` in that folder."


class EnvironmentBroken(RuntimeProblem):
    """The embedded environment could not be created or is damaged."""

    remedy = (
        "Check the network and free disk space, then run `gatewayctl doctor --fix` "
        "and `gatewayctl up`."
    )


class PortTaken(RuntimeProblem):
    """Another process listens on a port of the stack."""

    remedy = "Stop that process, or choose another port under ports: in gateway.yaml."


class ServiceFailed(RuntimeProblem):
    """A service exited by itself, or reports that it cannot work."""

    remedy = "See `gatewayctl logs`."


class NotHealthy(RuntimeProblem):
    """At least one service of the stack is not healthy."""


class NotHealthyInTime(RuntimeProblem):
    """A service is not ready before the timeout; everything is left running."""

    remedy = "See `gatewayctl logs`, or wait longer with `gatewayctl up --timeout 600`."


class MigrationFailed(RuntimeProblem):
    """LiteLLM's database schema could not be migrated."""

    remedy = (
        "Correct what PostgreSQL reports; the failed migration was rolled back. "
        "If that is not possible, restore an earlier backup: `gatewayctl restore FILE`."
    )


class DatabasePasswordRefused(RuntimeProblem):
    """The database was created with another password than the one in .env."""

    remedy = (
        "Put the old password back into .env. Only if it is lost: `gatewayctl down --volumes` "
        "deletes all data, and `gatewayctl restore FILE` brings back a backup."
    )


class UnknownService(RuntimeProblem):
    """This runtime has no such service."""

    remedy = "See `gatewayctl status` for the services."


class TemplatesMissing(RuntimeProblem):
    """The installed package lacks its templates."""

    remedy = "Install gatewayctl again."


class Locked(RuntimeProblem):
    """Another gatewayctl command is changing this project."""

    remedy = "Wait until it is done, or let this command wait: --lock-timeout 60."


class BackupBroken(RuntimeProblem):
    """The file is not a backup, or it is incomplete or damaged."""

    remedy = "Use another copy of the file; nothing was changed."


class BackupSealed(RuntimeProblem):
    """The backup cannot be decrypted with the given identity or passphrase."""

    remedy = "Give the matching --identity FILE or --passphrase-stdin."


class BackupForeign(RuntimeProblem):
    """The backup belongs to another project."""

    remedy = "Restore it in the folder of that project, or allow it here with --force."


class BackupTooNew(RuntimeProblem):
    """The format of the backup is newer than this version of gatewayctl supports."""

    remedy = "Install the version of gatewayctl that created it, or a newer one."


class RestoreUnproven(RuntimeProblem):
    """The restored data differs from the backup; the current databases were not touched."""

    remedy = "Use another backup; nothing was changed."


class RestoreUnfinished(RuntimeProblem):
    """A restore was interrupted between the databases and the secrets in .env."""

    remedy = "Run the same `gatewayctl restore FILE --yes` again, or restore another backup."


class DiskFull(RuntimeProblem):
    """There is not enough free disk space for a backup or restore."""

    remedy = (
        "Free disk space (`du -xh --max-depth=2 . | sort -h`; backups are in .gatewayctl/backups), "
        "then run the command again, or `gatewayctl up`."
    )


class PreflightRefused(RuntimeProblem):
    """The new version rejects the settings or data of this project; nothing was changed."""

    remedy = "Correct what it reports, or keep the current version; nothing was changed."


class UpgradeUnfinished(RuntimeProblem):
    """An upgrade to another version was started and not completed."""

    remedy = "Run `gatewayctl upgrade` again to resume it, or `gatewayctl rollback`."
