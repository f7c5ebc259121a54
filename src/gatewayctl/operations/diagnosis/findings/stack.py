"""What can be wrong with the services, the gateway and its traces. Owns the words only."""

from __future__ import annotations

from typing import Final

from gatewayctl.operations.diagnosis.findings.finding import Finding

SERVICES: Final = (
    Finding(
        id="service_failed",
        area="services",
        severity="error",
        title="A service ended by itself",
        meaning="Its last words are in the evidence, and in its log; no known cause fits them. "
        "Nothing was torn down.",
        remedy="gatewayctl logs",
    ),
    Finding(
        id="service_stopped",
        area="services",
        severity="warning",
        title="Only a part of the stack runs",
        meaning="Somebody stopped a service, or `up` was interrupted.",
        remedy="gatewayctl up",
    ),
    Finding(
        id="not_healthy_in_time",
        area="services",
        severity="error",
        title="A service runs and does not become ready",
        meaning="Its process lives, and its answers are not those of a service that is ready. "
        "The first start on a slow disk takes a minute.",
        remedy="gatewayctl up --timeout 600",
    ),
    Finding(
        id="litellm_settings_refused",
        area="services",
        severity="error",
        title="LiteLLM refuses its configuration",
        meaning="A parameter of a model means nothing to this version of LiteLLM, or it refuses "
        "its keys. It ends with exit code 3, and says why last.",
        remedy="Correct what it names (`gatewayctl logs litellm`), then run `gatewayctl up`.",
    ),
    Finding(
        id="database_setup_failed",
        area="services",
        severity="error",
        title="LiteLLM's database could not be set up",
        meaning="The server is reached, and something keeps the database from being made or "
        "opened: its address, a limit, missing rights. LiteLLM ends with exit code 1.",
        remedy="gatewayctl logs litellm",
    ),
    Finding(
        id="migration_failed",
        area="services",
        severity="error",
        title="A migration of LiteLLM's database cannot be recovered",
        meaning="A migration was begun and not finished, or PostgreSQL refuses it. LiteLLM ends "
        "with exit code 2; the migration itself was rolled back.",
        remedy="Restore a backup from before it: gatewayctl restore FILE",
    ),
    Finding(
        id="database_damaged",
        area="services",
        severity="error",
        title="PostgreSQL cannot use its data folder",
        meaning="Files are missing or of another major version of PostgreSQL.",
        remedy="gatewayctl restore FILE",
    ),
    Finding(
        id="database_large",
        area="services",
        severity="warning",
        title="A database is large",
        meaning="Traces hold prompts and replies, spend logs a row for each request. Beyond some "
        "gigabytes backups take long and the disk fills.",
        remedy="Delete old traces in Phoenix (`gatewayctl ui phoenix`, settings, retention), or "
        "empty the gateway's: gatewayctl reset",
    ),
    Finding(
        id="phoenix_unreachable",
        area="services",
        severity="error",
        title="Phoenix does not answer",
        meaning="Model calls work, and their traces are lost after a while: LiteLLM keeps them in "
        "memory only.",
        remedy="gatewayctl restart phoenix",
    ),
    Finding(
        id="phoenix_database_refused",
        area="services",
        severity="error",
        title="Phoenix cannot bring its database up to date",
        meaning="Its database was written by a newer Phoenix, or a migration broke off.",
        remedy="Use the version of Phoenix that wrote it, or restore a backup: "
        "gatewayctl restore FILE",
    ),
)

GATEWAY: Final = (
    Finding(
        id="master_key_refused",
        area="gateway",
        severity="error",
        title="LiteLLM runs with another master key than .env",
        meaning="LITELLM_MASTER_KEY was changed after LiteLLM was started.",
        remedy="gatewayctl up",
    ),
    Finding(
        id="gateway_database_missing",
        area="gateway",
        severity="error",
        title="LiteLLM runs without its database",
        meaning="It knows no keys, so that it refuses every application.",
        remedy="gatewayctl restart litellm",
    ),
    Finding(
        id="key_missing",
        area="gateway",
        severity="warning",
        title="A declared virtual key does not exist",
        meaning="gateway.yaml declares it, and .env has none.",
        remedy="gatewayctl keys create",
        fix="creates it",
    ),
    Finding(
        id="key_refused",
        area="gateway",
        severity="error",
        title="LiteLLM refuses a virtual key of .env",
        meaning="The application that uses it gets 401. It was deleted, has ended, is blocked, "
        "or is a key of another gateway.",
        remedy="gatewayctl keys check --fix",
        fix="does what `keys sync` does",
    ),
    Finding(
        id="key_differs",
        area="gateway",
        severity="warning",
        title="A virtual key is not as declared",
        meaning="Its models, metadata, end or alias differ from gateway.yaml.",
        remedy="gatewayctl keys check --fix",
        fix="does what `keys sync` does",
    ),
    Finding(
        id="key_opens_management",
        area="gateway",
        severity="error",
        title="A virtual key administers the gateway",
        meaning="An application could make keys and read those of others with it.",
        remedy="gatewayctl keys rotate ALIAS",
    ),
    Finding(
        id="model_not_served",
        area="gateway",
        severity="warning",
        title="A declared model is not served",
        meaning="LiteLLM was started with an older gateway.yaml.",
        remedy="gatewayctl up",
    ),
    Finding(
        id="spend_logs_large",
        area="gateway",
        severity="warning",
        title="LiteLLM's spend logs are large",
        meaning="Each request is a row of LiteLLM_SpendLogs. Beyond a million rows its admin UI "
        "slows down, and the disk fills (LiteLLM #16582, #29342).",
        remedy="Set maximum_spend_logs_retention_period in LiteLLM's settings, or: "
        "gatewayctl reset",
    ),
    Finding(
        id="spend_logs_growing",
        area="gateway",
        severity="info",
        title="LiteLLM's spend logs grow fast",
        meaning="At the pace of the last day they pass a million rows within a month.",
        remedy="Set maximum_spend_logs_retention_period in LiteLLM's settings.",
    ),
)

TRACES: Final = (
    Finding(
        id="traces_missing",
        area="traces",
        severity="error",
        title="Traces do not arrive in Phoenix",
        meaning="A request that LiteLLM answered left no span in Phoenix within the time: the "
        "address of the collector is another one, or Phoenix does not store.",
        remedy="gatewayctl restart litellm",
    ),
    Finding(
        id="traces_elsewhere",
        area="traces",
        severity="info",
        title="Traces go to another collector",
        meaning="PHOENIX_COLLECTOR_HTTP_ENDPOINT in .env sends LiteLLM's spans elsewhere; "
        "whether they arrive in Phoenix is up to that collector.",
        remedy="Delete PHOENIX_COLLECTOR_HTTP_ENDPOINT from .env, then run `gatewayctl up`.",
    ),
)
