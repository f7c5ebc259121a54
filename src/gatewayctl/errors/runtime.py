"""Exit 4: Docker or a process failed."""

from __future__ import annotations

from gatewayctl.errors.base import GatewayctlError


class RuntimeProblem(GatewayctlError):
    """What runs the services failed."""

    code = "runtime"
    exit_code = 4
    remedy = "See `gatewayctl logs`."


class RuntimeUnavailable(RuntimeProblem):
    """The asked runtime cannot be used on this machine."""

    code = "runtime_unavailable"
    remedy = "Use --runtime embedded, which needs no Docker."


class EngineMissing(RuntimeUnavailable):
    """There is no program `docker` on this machine."""

    code = "engine_missing"
    remedy = (
        "Install Docker Engine (docs.docker.com/engine/install), "
        "or use --runtime embedded, which needs no Docker."
    )


class EngineNotRunning(RuntimeUnavailable):
    """Docker is installed, and no engine answers."""

    code = "engine_not_running"
    remedy = (
        "Start it (`sudo systemctl start docker`, or open Docker Desktop), "
        "or use --runtime embedded, which needs no Docker."
    )


class EnginePermission(RuntimeUnavailable):
    """An engine is there, and this user may not speak to it."""

    code = "engine_permission"
    remedy = (
        "Join its group (`sudo usermod -aG docker $USER`) and log in again, "
        "or use --runtime embedded, which needs no Docker."
    )


class ComposeMissing(RuntimeUnavailable):
    """Docker has no Compose plugin, or one that is too old."""

    code = "compose_missing"
    remedy = (
        "Install the Compose plugin (docs.docker.com/compose/install/linux), "
        "or use --runtime embedded, which needs no Docker."
    )


class ImageMissing(RuntimeProblem):
    """A container image is neither here nor in its registry."""

    code = "image_missing"
    remedy = "Correct its name under images: or apps: in gateway.yaml, or run `docker login`."


class RegistryUnreachable(RuntimeProblem):
    """A container image is not here, and its registry does not answer."""

    code = "registry_unreachable"
    finding = "image_missing"
    remedy = (
        "Check the network and the proxy, or load the image with `docker load`; then run again."
    )


class BuildFailed(RuntimeProblem):
    """The image of an application could not be built."""

    code = "build_failed"
    remedy = "Correct its Dockerfile or its sources, then run `gatewayctl up` again."


class ProjectNameTaken(RuntimeProblem):
    """A project of the same name in another folder has containers already."""

    code = "project_name_taken"
    remedy = "Choose another project_name in gateway.yaml, or run `gatewayctl down` over there."


class EnvironmentBroken(RuntimeProblem):
    """The embedded environment could not be made or is damaged."""

    code = "environment_broken"
    remedy = "Check the network and the disk, then run `gatewayctl up` again: it starts afresh."


class PortTaken(RuntimeProblem):
    """Another process listens where a service should."""

    code = "port_taken"
    remedy = "Stop that process, or choose another port under ports: in gateway.yaml."


class ServiceFailed(RuntimeProblem):
    """A service ended by itself, or answers that it cannot work."""

    code = "service_failed"
    remedy = "See `gatewayctl logs` for its last words."


class NotHealthy(RuntimeProblem):
    """At least one service of the stack is not healthy now."""

    code = "not_healthy"


class NotHealthyInTime(RuntimeProblem):
    """A service is still not ready when the time is up; everything is left running."""

    code = "not_healthy_in_time"
    remedy = "See `gatewayctl logs`, or wait longer with --timeout."


class MigrationFailed(RuntimeProblem):
    """LiteLLM's database schema could not be brought up to date."""

    code = "migration_failed"
    remedy = "See the message of PostgreSQL above; the failed migration was rolled back."


class DatabasePasswordRefused(RuntimeProblem):
    """The data folder was made with another database password than .env holds."""

    code = "database_password_refused"
    remedy = "Put the old password back into .env, or delete the data: gatewayctl down --volumes."


class UnknownService(RuntimeProblem):
    """A service this runtime does not have."""

    code = "unknown_service"
    remedy = "See `gatewayctl status` for the services."


class TemplatesMissing(RuntimeProblem):
    """The installed package does not hold the templates it renders from."""

    code = "templates_missing"
    remedy = "Install gatewayctl again."


class Locked(RuntimeProblem):
    """Another gatewayctl changes this project right now."""

    code = "locked"
    remedy = "Wait for it to end, or let this wait for it: --lock-timeout 60."


class BackupBroken(RuntimeProblem):
    """A file that is no backup, or no longer the whole of one."""

    code = "backup_broken"
    remedy = "Use another copy of the file; nothing was changed."


class BackupSealed(RuntimeProblem):
    """An encrypted backup that does not open with what was given."""

    code = "backup_sealed"
    remedy = "Give what it was encrypted for: --identity FILE or --passphrase-stdin."


class BackupForeign(RuntimeProblem):
    """A backup of another project."""

    code = "backup_foreign"
    remedy = "Restore it in a folder of that project, or add --force to have it here."


class BackupTooNew(RuntimeProblem):
    """A backup whose format this version does not know yet."""

    code = "backup_too_new"
    remedy = "Install the version of gatewayctl that made it, or a newer one."


class RestoreUnproven(RuntimeProblem):
    """What was read back is not what was backed up; the living databases were not touched."""

    code = "restore_unproven"
    remedy = "Use another backup; nothing was changed."


class RestoreUnfinished(RuntimeProblem):
    """A restore was interrupted when the databases were another's than .env."""

    code = "restore_unfinished"
    remedy = "Run the same `gatewayctl restore` again; nothing else is done before."


class DiskFull(RuntimeProblem):
    """What is to be written beside the living data would fill its disk."""

    code = "disk_full"
    remedy = "Free space: `du -xh --max-depth=2 . | sort -h`; backups are in .gatewayctl/backups."


class PreflightRefused(RuntimeProblem):
    """The new version refuses this project's settings or data; nothing was changed."""

    code = "preflight_refused"
    remedy = "Correct what it says, or stay with the version that runs; nothing was changed."


class UpgradeUnfinished(RuntimeProblem):
    """An upgrade to another version began, and did not come to its end."""

    code = "upgrade_unfinished"
    remedy = "Run `gatewayctl upgrade` again to go on with it, or `gatewayctl rollback`."
