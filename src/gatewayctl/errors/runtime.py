"""Exit 4: an engine, a process, a file or a lock failed."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors.base import GatewayctlError

_OR_EMBEDDED: Final = "or use --runtime embedded, which needs no Docker."


class RuntimeProblem(GatewayctlError):
    """The runtime of the services failed."""

    code = "runtime"
    exit_code = 4
    remedy = "See `gatewayctl logs`."


class ProgramTimeout(RuntimeProblem):
    """A program did not end in the time that it was given."""


class RuntimeUnavailable(RuntimeProblem):
    """The requested runtime cannot be used on this machine."""

    remedy = "Use --runtime embedded, which needs no Docker."


class EmbeddedUnsupported(RuntimeUnavailable):
    """The embedded runtime has no packages for this machine."""

    remedy = "Use Docker (docs.docker.com/get-docker): --runtime docker."


class SystemUnsupported(RuntimeUnavailable):
    """The operating system is Windows."""

    remedy = "Install WSL 2 (`wsl --install`), and run gatewayctl in its Linux."


class EngineMissing(RuntimeUnavailable):
    """There is no program `docker` on this machine."""

    remedy = (
        "Install Docker Engine (docs.docker.com/engine/install), or for Podman its package "
        f"podman-docker and Docker Compose, {_OR_EMBEDDED}"
    )


class EngineNotRunning(RuntimeUnavailable):
    """Docker is installed, but no engine answers."""

    remedy = (
        f"Start it (open Docker Desktop, or on Linux `sudo systemctl start docker`), {_OR_EMBEDDED}"
    )


class EnginePermission(RuntimeUnavailable):
    """An engine is running, but this user may not access it."""

    remedy = (
        "Join its group (on Linux `sudo usermod -aG docker $USER`) and log in again, "
        f"{_OR_EMBEDDED}"
    )


class ComposeMissing(RuntimeUnavailable):
    """Docker has no Compose plugin, or one that is too old."""

    remedy = f"Install the Compose plugin (docs.docker.com/compose/install), {_OR_EMBEDDED}"


class FolderInvisible(RuntimeUnavailable):
    """The Docker engine, or its docker program, cannot read the project's files."""

    remedy = (
        "Move the project below your home folder, not into a hidden folder: colima and Docker's "
        "snap see no other. Or share its folder with the engine (Docker Desktop: Settings, "
        f"Resources, File sharing), {_OR_EMBEDDED}"
    )


class ImageMissing(RuntimeProblem):
    """A container image is neither on this machine nor in its registry."""

    remedy = "Correct its name under images: or apps: in gateway.yaml, or run `docker login`."


class RegistryUnreachable(RuntimeProblem):
    """A container image is not on this machine, and its registry does not answer."""

    finding = "image_missing"
    remedy = (
        "Check the network and the proxy, or load the image with `docker load`, then run again."
    )


class DigestUnknown(RuntimeProblem):
    """A container image on this machine was built here: no registry gave it a digest."""

    remedy = "Use an image of a registry under images: in gateway.yaml, then run again."


class SignatureInvalid(RuntimeProblem):
    """cosign could not verify the signature of an official image of LiteLLM."""

    remedy = "Do not start it: choose another release. Nothing was started or written."


class BuildFailed(RuntimeProblem):
    """The image of an application could not be built."""

    remedy = "Correct its Dockerfile or its sources, then run `gatewayctl up` again."


class ProjectNameTaken(RuntimeProblem):
    """A project with the same name in another folder has containers or volumes."""

    remedy = "Choose another project_name in gateway.yaml, or run `gatewayctl -C DIR down` on it."


class VolumesMissing(RuntimeProblem):
    """The project has data in Docker's volumes, and the engine has none of them."""

    remedy = (
        "Choose the engine that has them: `docker context ls` lists those that Docker knows, "
        "DOCKER_HOST overrides the chosen one. Only if they were deleted on purpose, run "
        "`gatewayctl down --volumes`, which forgets them, and then `gatewayctl up`; "
        "`gatewayctl restore FILE` restores a backup."
    )


class EnvironmentBroken(RuntimeProblem):
    """The embedded environment could not be created or is damaged."""

    remedy = "Check the network and the disk, run `gatewayctl doctor --fix`, then `gatewayctl up`."


class InstallFailed(EnvironmentBroken):
    """uv or npm could not install the embedded environment; nothing was started."""

    remedy = (
        "Correct what it reports, such as the network or the proxy (docs/proxy.md), then run "
        "`gatewayctl up`."
    )


class ExternallyManaged(RuntimeProblem):
    """The command starts, stops or changes services, and others operate the gateway."""

    remedy = "Ask whoever runs it, or choose --runtime embedded or docker for a stack of your own."


class PackagesUnresolved(InstallFailed):
    """The packages of embedded.packages do not exist or do not fit; nothing was stopped."""

    finding = "install_failed"
    remedy = (
        "Correct embedded.packages in gateway.yaml, or the network and the proxy (docs/proxy.md). "
        "A package that needs another release of what LiteLLM has works only in an image of your "
        "own: images.litellm with --runtime docker."
    )


class PortTaken(RuntimeProblem):
    """A port of the stack is used by another process."""

    remedy = "Stop that process, or choose another port under ports: in gateway.yaml."


class ServiceFailed(RuntimeProblem):
    """A service exited, or reports that it cannot work."""

    remedy = "See `gatewayctl logs`."


class NotHealthy(RuntimeProblem):
    """At least one service of the stack is not healthy."""


class NotHealthyInTime(RuntimeProblem):
    """A service is not ready in time; everything keeps running."""

    remedy = "See `gatewayctl logs`, or wait longer: `gatewayctl up --timeout 1200`."


class MigrationFailed(RuntimeProblem):
    """LiteLLM's database schema could not be brought up to date."""

    remedy = (
        "Correct what PostgreSQL reports; the failed migration was rolled back. "
        "If that is not possible, restore an earlier backup: `gatewayctl restore FILE`."
    )


class DatabasePasswordRefused(RuntimeProblem):
    """The database has another password than .env."""

    remedy = "Run `gatewayctl up`."


class ExternalDatabaseUnusable(RuntimeProblem):
    """The database of services.postgres does not answer, or refuses the login or the request."""

    remedy = (
        "Correct the URL in .env (the variable that url_env: of services.postgres: names), or start"
        " that server; nothing was changed."
    )


class UnknownService(RuntimeProblem):
    """A service this runtime does not have."""

    remedy = "See `gatewayctl status` for the services."


class TemplatesMissing(RuntimeProblem):
    """The installed package does not contain its templates."""

    remedy = "Install gatewayctl again."


class Locked(RuntimeProblem):
    """Another gatewayctl is changing this project."""

    remedy = "Wait until it is done, or let this command wait: --lock-timeout 60."


class BackupBroken(RuntimeProblem):
    """A file that is not a backup, or is incomplete."""

    remedy = "Use another copy of the file; nothing was changed."


class BackupSealed(RuntimeProblem):
    """An encrypted backup that cannot be decrypted with the given key or passphrase."""

    remedy = "Give the right key or passphrase: --identity FILE or --passphrase-stdin."


class BackupForeign(RuntimeProblem):
    """A backup of another project."""

    remedy = "Restore it in the folder of that project, or add --force to restore it here."


class BackupTooNew(RuntimeProblem):
    """A backup in a newer format than this version supports."""

    remedy = "Install the version of gatewayctl that created it, or a newer one."


class RestoreUnproven(RuntimeProblem):
    """The restored data differs from the backup; the current databases were not changed."""

    remedy = "Use another backup; nothing was changed."


class RestoreUnfinished(RuntimeProblem):
    """A restore was interrupted between replacing the databases and writing .env."""

    remedy = "Run the same `gatewayctl restore FILE --yes` again, or restore another backup."


class DiskFull(RuntimeProblem):
    """Writing more would fill the disk of the databases."""

    remedy = (
        "Free disk space (`du -xh -d 2 . | sort -h`; backups are in .gatewayctl/backups), "
        "then run the command again."
    )


class PreflightRefused(RuntimeProblem):
    """The new version refuses this project's settings or data; nothing was changed."""

    remedy = "Fix what it reports, or keep the current version; nothing was changed."


class UpgradeUnfinished(RuntimeProblem):
    """An upgrade to another version was not finished."""

    remedy = "Run `gatewayctl upgrade` again to resume it, or `gatewayctl rollback`."
