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
