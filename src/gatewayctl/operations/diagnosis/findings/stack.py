"""What can be wrong with the services, the gateway and its traces. Owns the texts only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    ExternalDatabaseUnusable,
    GatewayDatabaseMissing,
    MasterKeyRefused,
    MigrationFailed,
    NotHealthyInTime,
    PhoenixUnreachable,
    ServiceFailed,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

SERVICES: Final = (
    Finding.of(
        ServiceFailed,
        area="services",
        title="A service exited",
        meaning="The end of its log is in the evidence and matches no known cause. The other "
        "services keep running.",
    ),
    Finding(
        id="service_stopped",
        area="services",
        severity="warning",
        title="Only a part of the stack is running",
        meaning="A service was stopped, or `up` was interrupted.",
        remedy="Run `gatewayctl up`.",
    ),
    Finding(
        id="settings_outdated",
        area="services",
        severity="error",
        title="A service runs with outdated settings",
        meaning="Its port or password was changed after it was started, so it is not found where "
        "the settings say.",
        remedy="Run `gatewayctl up`.",
    ),
    Finding.of(
        NotHealthyInTime,
        area="services",
        title="A service is running but does not become ready",
        meaning="Its process is running, but its health check does not pass. The first start on a "
        "slow disk takes a minute, in Docker several.",
    ),
    Finding(
        id="litellm_settings_refused",
        area="services",
        severity="error",
        title="LiteLLM refuses its configuration",
        meaning="The configuration cannot be parsed, or has a value that this version of LiteLLM "
        "does not know. The reason is in its log.",
        remedy="Correct what `gatewayctl logs litellm` reports, then run `gatewayctl up`.",
    ),
    Finding(
        id="database_setup_failed",
        area="services",
        severity="error",
        title="LiteLLM's database could not be set up",
        meaning="The server cannot be reached, or the database cannot be created or opened: a "
        "wrong address, a connection limit, missing permissions. The reason is in its log.",
        remedy="See `gatewayctl logs litellm`.",
    ),
    Finding.of(
        ExternalDatabaseUnusable,
        area="services",
        title="LiteLLM's database, which others run, cannot be used",
        meaning="Its server does not answer, refuses the login, or wants TLS that the URL does not "
        "ask for. Nothing is started before it can be used.",
    ),
    Finding.of(
        MigrationFailed,
        area="services",
        title="A migration of LiteLLM's database failed",
        meaning="A migration was not finished, or PostgreSQL refuses it. The migration itself was "
        "rolled back.",
    ),
    Finding(
        id="database_damaged",
        area="services",
        severity="error",
        title="PostgreSQL cannot use its data folder",
        meaning="Files are missing, or were written by another major version of PostgreSQL.",
        remedy="See `gatewayctl logs` for the file or version. If another major version wrote it, "
        "use that version again (images.postgres); to change it, back up first "
        "(docs/deployment/production.md). Only if files are missing: `gatewayctl down "
        "--volumes` deletes the rest, and `gatewayctl restore FILE` restores a backup.",
    ),
    Finding(
        id="database_large",
        area="services",
        severity="warning",
        title="A database is large",
        meaning="Traces contain prompts and replies, spend logs one row per request. Beyond a few "
        "gigabytes, backups take long and the disk fills.",
        remedy="Set `retention: {traces: 30d, spend_logs: 90d}` in gateway.yaml, or shorter "
        "periods, then run `gatewayctl up`. PostgreSQL reuses the space of deleted rows, and "
        "returns it to the disk only as docs/configuration.md (Retention) says.",
    ),
    Finding(
        id="collation_version_mismatch",
        area="services",
        severity="warning",
        title="A database was sorted by another version of the C library",
        meaning="The image of PostgreSQL moved to a newer Debian. Indexes on text may be in the "
        "wrong order: rows are not found, and unique values are accepted twice.",
        remedy="Run `gatewayctl doctor --fix`.",
        fix="rebuilds the indexes, during which writes wait, then runs ALTER DATABASE … REFRESH "
        "COLLATION VERSION",
    ),
    Finding.of(
        PhoenixUnreachable,
        area="services",
        title="Phoenix does not answer",
        meaning="Model calls work, but their traces are lost after a while: LiteLLM buffers them "
        "in memory only.",
    ),
    Finding(
        id="phoenix_database_refused",
        area="services",
        severity="error",
        title="Phoenix's database was written by a newer Phoenix",
        meaning="The database has a migration that this version of Phoenix does not know («Can't "
        "locate revision»).",
        remedy="Use the version of Phoenix that wrote it, or restore a backup: "
        "`gatewayctl restore FILE`.",
    ),
)

GATEWAY: Final = (
    Finding.of(
        MasterKeyRefused,
        area="gateway",
        title="LiteLLM runs with another master key than .env",
        meaning="LITELLM_MASTER_KEY was changed after LiteLLM was started.",
    ),
    Finding.of(
        GatewayDatabaseMissing,
        area="gateway",
        title="LiteLLM runs without its database",
        meaning="It knows no keys, so it refuses every application.",
    ),
    Finding(
        id="key_missing",
        area="gateway",
        severity="warning",
        title="A declared virtual key does not exist",
        meaning="gateway.yaml declares it, but .env has no value.",
        remedy="Run `gatewayctl keys create`.",
        fix="creates it",
    ),
    Finding(
        id="key_refused",
        area="gateway",
        severity="error",
        title="LiteLLM refuses a virtual key of .env",
        meaning="The application that uses it gets 401. The key was deleted, has expired, is "
        "blocked, or belongs to another gateway.",
        remedy="Run `gatewayctl keys check --fix`.",
        fix="runs `gatewayctl keys sync`",
    ),
    Finding(
        id="key_unknown",
        area="gateway",
        severity="warning",
        title=".env has a virtual key that LiteLLM does not know",
        meaning="gateway.yaml does not declare it, so `reset` did not create it again, and neither "
        "did `up` after `down --volumes`. The application that uses it gets 401.",
        remedy="Create it again with `gatewayctl keys create ALIAS --env NAME`, or delete the line "
        "of .env.",
    ),
    Finding(
        id="key_differs",
        area="gateway",
        severity="warning",
        title="A virtual key differs from its declaration",
        meaning="Its models, metadata, expiry or alias differ from gateway.yaml.",
        remedy="Run `gatewayctl keys check --fix`.",
        fix="runs `gatewayctl keys sync`",
    ),
    Finding(
        id="key_budget_spent",
        area="gateway",
        severity="warning",
        title="The budget of a virtual key is spent",
        meaning="LiteLLM accepts the key and refuses its calls: its own budget, or that of its team"
        " or user, is spent.",
        remedy="Raise max_budget: in gateway.yaml and run `gatewayctl keys sync`, or wait until the"
        " budget is reset.",
    ),
    Finding(
        id="key_opens_management",
        area="gateway",
        severity="error",
        title="A virtual key can administer the gateway",
        meaning="An application could create keys and read other keys with it.",
        remedy="Run `gatewayctl keys rotate ALIAS`.",
    ),
    Finding(
        id="model_not_served",
        area="gateway",
        severity="warning",
        title="A declared model is not served",
        meaning="LiteLLM was started with an older gateway.yaml, or does not know the provider of "
        "the model: a name without provider/ is served only if LiteLLM knows it.",
        remedy="Run `gatewayctl up`. If it is still not served, write its model: as provider/name "
        "in gateway.yaml (docs.litellm.ai/docs/providers), then run `gatewayctl up`.",
    ),
    Finding(
        id="database_overrides",
        area="gateway",
        severity="info",
        title="LiteLLM's database has more than the files",
        meaning="Models or settings were added or changed in the admin UI or by the API. They "
        "count beside the files, and a new database would not have them.",
        remedy="Run `gatewayctl config pull` to write them into LiteLLM's configuration, or remove "
        "them in the admin UI.",
    ),
    Finding(
        id="model_deprecated",
        area="gateway",
        severity="warning",
        title="A provider ends a model",
        meaning="LiteLLM's table of models has a date for it that is past or near. Calls fail when "
        "the provider has switched it off.",
        remedy="Choose another model in gateway.yaml, then run `gatewayctl up`.",
    ),
    Finding(
        id="spend_logs_large",
        area="gateway",
        severity="warning",
        title="LiteLLM's spend logs are large",
        meaning="Each request is a row in LiteLLM_SpendLogs. Beyond a million rows LiteLLM's admin "
        "UI slows down and the disk fills (LiteLLM #16582, #29342).",
        remedy="Set `retention: {spend_logs: 90d}` in gateway.yaml, or a shorter period, then run "
        "`gatewayctl up`: LiteLLM deletes up to 500,000 older rows an hour.",
    ),
    Finding(
        id="spend_logs_growing",
        area="gateway",
        severity="info",
        title="LiteLLM's spend logs grow fast",
        meaning="At the current rate they exceed a million rows within a month, or within "
        "their retention.",
        remedy="Set `retention: {spend_logs: 30d}` in gateway.yaml, or a shorter period, then run "
        "`gatewayctl up`.",
    ),
    Finding(
        id="spend_logs_not_deleted",
        area="gateway",
        severity="warning",
        title="Spend logs older than their retention are not deleted",
        meaning="LiteLLM deletes older rows every hour, at most 500,000 of them, and only logs why "
        "it could not. After retention: is set for a large table this is normal for some hours.",
        remedy="See `gatewayctl logs litellm` for the word cleanup, then run `gatewayctl restart "
        "litellm`.",
    ),
)

TRACES: Final = (
    Finding(
        id="trace_retention_differs",
        area="traces",
        severity="warning",
        title="Phoenix keeps traces for another time than declared",
        meaning="Its retention policy was changed in its settings, or `up` could not write it. "
        "Traces are deleted by the policy that Phoenix has.",
        remedy="Run `gatewayctl up`, or declare none: remove traces from retention: in "
        "gateway.yaml, run `gatewayctl up`, then set the policy in Phoenix.",
    ),
    Finding(
        id="traces_not_deleted",
        area="traces",
        severity="warning",
        title="Traces older than their retention are not deleted",
        meaning="Phoenix deletes older traces at each full hour, all of them in one transaction, "
        "and only logs why it could not.",
        remedy="See `gatewayctl logs phoenix` for the word retention, then run `gatewayctl "
        "restart phoenix`.",
    ),
    Finding(
        id="trace_store_unusable",
        area="traces",
        severity="warning",
        title="A trace store of tracing: takes no traces",
        meaning="It does not answer, refuses the login, or takes no OTLP over HTTP at its address. "
        "Calls work, and other trace stores get their traces.",
        remedy="Correct its entry in tracing: in gateway.yaml, or its variable in .env, then run "
        "`gatewayctl up`.",
    ),
    Finding(
        id="traces_missing",
        area="traces",
        severity="error",
        title="Traces do not arrive in Phoenix",
        meaning="A request that LiteLLM answered left no span in Phoenix in time: the collector's "
        "address is wrong, or Phoenix does not store spans.",
        remedy="Run `gatewayctl restart litellm`.",
    ),
    Finding(
        id="traces_elsewhere",
        area="traces",
        severity="info",
        title="Traces go to another collector",
        meaning="PHOENIX_COLLECTOR_HTTP_ENDPOINT in .env sends LiteLLM's spans to another "
        "collector, which must forward them to Phoenix.",
        remedy="Delete PHOENIX_COLLECTOR_HTTP_ENDPOINT from .env, then run `gatewayctl up`.",
    ),
)
