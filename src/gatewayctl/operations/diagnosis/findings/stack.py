"""Findings about the services, the gateway and its traces. Owns their text only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    GatewayDatabaseMissing,
    MasterKeyRefused,
    MigrationFailed,
    NotHealthyInTime,
    PhoenixUnreachable,
    ServiceFailed,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

_UP: Final = "Run `gatewayctl up`."
_FIX_KEYS: Final = "Run `gatewayctl keys check --fix`."

SERVICES: Final = (
    Finding(
        id="service_failed",
        area="services",
        severity="error",
        title="A service exited by itself",
        meaning="The evidence and the log show its last output, which matches no known cause. "
        "The other services were left running.",
        remedy=ServiceFailed.remedy,
    ),
    Finding(
        id="service_stopped",
        area="services",
        severity="warning",
        title="Only a part of the stack is running",
        meaning="A service was stopped, or `up` was interrupted.",
        remedy=_UP,
    ),
    Finding(
        id="not_healthy_in_time",
        area="services",
        severity="error",
        title="A service runs but does not become ready",
        meaning="Its process is running, but its health check does not pass. The first start on a "
        "slow disk takes a minute.",
        remedy=NotHealthyInTime.remedy,
    ),
    Finding(
        id="litellm_settings_refused",
        area="services",
        severity="error",
        title="LiteLLM rejects its configuration",
        meaning="This version of LiteLLM does not know a parameter of a model, or rejects its "
        "master key. It exits with code 3; the reason is at the end of its log.",
        remedy="Correct what `gatewayctl logs litellm` shows, then run `gatewayctl up`.",
    ),
    Finding(
        id="database_setup_failed",
        area="services",
        severity="error",
        title="LiteLLM's database could not be set up",
        meaning="The server could not be reached, or the database could not be created or opened: "
        "a wrong address, a connection limit or missing privileges. LiteLLM exits with code 1.",
        remedy="See `gatewayctl logs litellm`.",
    ),
    Finding(
        id="migration_failed",
        area="services",
        severity="error",
        title="LiteLLM's database could not be migrated",
        meaning="An earlier migration was not finished, or PostgreSQL rejects one. LiteLLM exits "
        "with code 2; the migration itself was rolled back.",
        remedy=MigrationFailed.remedy,
    ),
    Finding(
        id="database_damaged",
        area="services",
        severity="error",
        title="PostgreSQL cannot use its data folder",
        meaning="Files are missing, damaged, or of another major version of PostgreSQL.",
        remedy="Run `gatewayctl restore FILE`.",
    ),
    Finding(
        id="database_large",
        area="services",
        severity="warning",
        title="A database is large",
        meaning="Traces contain prompts and replies, spend logs a row for each request. Large "
        "databases make backups slow and fill the disk.",
        remedy="Delete old traces in Phoenix (`gatewayctl ui phoenix`, settings, retention). To "
        "empty LiteLLM's database, keys included: `gatewayctl reset`, which makes a backup first.",
    ),
    Finding(
        id="phoenix_unreachable",
        area="services",
        severity="error",
        title="Phoenix does not answer",
        meaning="Model calls still work, but LiteLLM keeps their traces in memory only and drops "
        "them after a while.",
        remedy=PhoenixUnreachable.remedy,
    ),
    Finding(
        id="phoenix_database_refused",
        area="services",
        severity="error",
        title="Phoenix cannot migrate its database",
        meaning="The database was written by a newer version of Phoenix, or a migration was "
        "interrupted.",
        remedy="Use the version of Phoenix that wrote it, or restore a backup: "
        "`gatewayctl restore FILE`.",
    ),
)

GATEWAY: Final = (
    Finding(
        id="master_key_refused",
        area="gateway",
        severity="error",
        title="LiteLLM runs with another master key than .env",
        meaning="LITELLM_MASTER_KEY was changed after LiteLLM was started.",
        remedy=MasterKeyRefused.remedy,
    ),
    Finding(
        id="gateway_database_missing",
        area="gateway",
        severity="error",
        title="LiteLLM runs without its database",
        meaning="It knows no keys, so it rejects every application.",
        remedy=GatewayDatabaseMissing.remedy,
    ),
    Finding(
        id="key_missing",
        area="gateway",
        severity="warning",
        title="A declared virtual key does not exist",
        meaning="It is declared in gateway.yaml and missing in .env.",
        remedy="Run `gatewayctl keys create`.",
        fix="creates it",
    ),
    Finding(
        id="key_refused",
        area="gateway",
        severity="error",
        title="LiteLLM rejects a virtual key in .env",
        meaning="The application that uses it gets 401. The key was deleted, has expired, is "
        "blocked, or belongs to another gateway.",
        remedy=_FIX_KEYS,
        fix="does the same as `gatewayctl keys sync`",
    ),
    Finding(
        id="key_differs",
        area="gateway",
        severity="warning",
        title="A virtual key differs from its declaration",
        meaning="Its models, metadata, expiry or alias differ from gateway.yaml.",
        remedy=_FIX_KEYS,
        fix="does the same as `gatewayctl keys sync`",
    ),
    Finding(
        id="key_opens_management",
        area="gateway",
        severity="error",
        title="A virtual key can administer the gateway",
        meaning="With it an application can create keys and read those of others.",
        remedy="Run `gatewayctl keys rotate ALIAS`.",
    ),
    Finding(
        id="model_not_served",
        area="gateway",
        severity="warning",
        title="A declared model is not served",
        meaning="LiteLLM was started with an older gateway.yaml.",
        remedy=_UP,
    ),
    Finding(
        id="spend_logs_large",
        area="gateway",
        severity="warning",
        title="LiteLLM's spend logs are large",
        meaning="Each request is a row of LiteLLM_SpendLogs. With more than a million rows its "
        "admin UI becomes slow and the disk fills (LiteLLM #16582, #29342).",
        remedy="Set maximum_spend_logs_retention_period in LiteLLM's settings. To empty its "
        "database at once, keys included: `gatewayctl reset`, which makes a backup first.",
    ),
    Finding(
        id="spend_logs_growing",
        area="gateway",
        severity="info",
        title="LiteLLM's spend logs are growing fast",
        meaning="At the rate of the last day they exceed a million rows within a month.",
        remedy="Set maximum_spend_logs_retention_period in LiteLLM's settings.",
    ),
)

TRACES: Final = (
    Finding(
        id="traces_missing",
        area="traces",
        severity="error",
        title="Traces do not arrive in Phoenix",
        meaning="LiteLLM answered a request, but Phoenix has no span of it after some seconds: "
        "LiteLLM exports to another address, or Phoenix does not store the span.",
        remedy="Run `gatewayctl restart litellm`.",
    ),
    Finding(
        id="traces_elsewhere",
        area="traces",
        severity="info",
        title="Traces are sent to another collector",
        meaning="PHOENIX_COLLECTOR_HTTP_ENDPOINT in .env sends LiteLLM's spans to that collector, "
        "which decides whether they arrive in Phoenix.",
        remedy="Delete PHOENIX_COLLECTOR_HTTP_ENDPOINT from .env, then run `gatewayctl up`.",
    ),
)
