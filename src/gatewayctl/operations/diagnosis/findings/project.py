"""What can be wrong with the project's files and secrets. Owns the words only."""

from __future__ import annotations

from typing import Final

from gatewayctl.operations.diagnosis.findings.finding import Finding

SETTINGS: Final = (
    Finding(
        id="settings_invalid",
        area="settings",
        severity="error",
        title="A setting cannot be used as it is",
        meaning="gateway.yaml, .env or the environment has a name or a value that means nothing. "
        "No verb runs until it is corrected, and nothing was changed. The evidence names file, "
        "line and column.",
        remedy="Correct the line that is named.",
    ),
    Finding(
        id="env_file_missing",
        area="settings",
        severity="error",
        title="There is no .env",
        meaning="The secrets of the stack and the applications' keys live in .env beside "
        "gateway.yaml. A project that was just cloned has none.",
        remedy="gatewayctl init",
        fix="makes .env with generated secrets, unless databases of an older one are there",
    ),
    Finding(
        id="env_file_unreadable",
        area="settings",
        severity="error",
        title=".env cannot be read",
        meaning="It is not a text file in UTF-8, or this user may not read it.",
        remedy="Make .env a text file in UTF-8 that you may read.",
    ),
    Finding(
        id="env_file_mode",
        area="settings",
        severity="warning",
        title="Others may read or write .env",
        meaning="Every secret of the project is in it: its mode must be 0600.",
        remedy="chmod 600 .env",
        fix="sets the mode to 0600",
    ),
    Finding(
        id="env_value_ambiguous",
        area="settings",
        severity="warning",
        title="A value of .env is not the same to all its readers",
        meaning="Docker Compose, `sh -c '. ./.env'` and python-dotenv disagree about blanks, "
        "dollar signs, quotes and backslashes. With such a value an application gets another "
        "secret than the gateway.",
        remedy="Put the value into single quotes, or use letters, digits and ._:/+=@%,- only.",
    ),
    Finding(
        id="env_file_not_ignored",
        area="settings",
        severity="warning",
        title="git would take .env",
        meaning="The project is in a git repository, and .gitignore does not name .env and "
        ".gatewayctl/. One `git add .` publishes every secret.",
        remedy="gatewayctl init",
        fix="adds the missing lines to .gitignore",
    ),
    Finding(
        id="environment_shadows",
        area="settings",
        severity="info",
        title="The environment holds another value than .env",
        meaning="A variable of the process wins over .env. What you see in .env is not what is "
        "used from this terminal, and from another terminal it may be.",
        remedy="unset NAME",
    ),
    Finding(
        id="bound_to_all",
        area="settings",
        severity="warning",
        title="The ports listen on every address",
        meaning="Phoenix has no login and holds prompts and replies; PostgreSQL has a password "
        "only. With `bind: 0.0.0.0` every machine that reaches this one reaches them.",
        remedy="Set `bind: 127.0.0.1` in gateway.yaml and put a proxy with TLS before LiteLLM.",
    ),
    Finding(
        id="workers_without_redis",
        area="settings",
        severity="warning",
        title="Several workers without Redis",
        meaning="LiteLLM's processes share budgets, rate limits and revoked keys through Redis. "
        "Without it each keeps its own: a revoked key works on in the others.",
        remedy="Set `workers: 1` in gateway.yaml, or use --runtime docker, which starts a Redis.",
    ),
    Finding(
        id="files_differ",
        area="settings",
        severity="warning",
        title="A rendered file was changed by hand",
        meaning="compose/ holds what gateway.yaml means. A file that differs is overwritten by "
        "the next `up`; what was changed belongs into gateway.yaml.",
        remedy="gatewayctl render",
        fix="renders the files anew",
    ),
    Finding(
        id="restore_unfinished",
        area="settings",
        severity="error",
        title="A restore was interrupted between the databases and their secrets",
        meaning="The databases are those of the backup, and .env may still be that of before: a "
        "gateway that starts so could not read what it stored. Until the restore is finished, "
        "verbs that change the project are refused, but for `down`.",
        remedy="Run the same `gatewayctl restore FILE --yes` again, or restore another backup.",
    ),
)

SECRETS: Final = (
    Finding(
        id="secret_missing",
        area="secrets",
        severity="warning",
        title="A secret of the stack is not set",
        meaning="Each is generated once, by `init` or `up`. One that is missing later was deleted.",
        remedy="gatewayctl init",
        fix="generates it, unless databases made with an older one are there",
    ),
    Finding(
        id="master_key_missing",
        area="secrets",
        severity="error",
        title="There is no master key",
        meaning="LiteLLM refuses to start without LITELLM_MASTER_KEY: it ends with exit code 3.",
        remedy="gatewayctl init",
        fix="generates it",
    ),
    Finding(
        id="master_key_weak",
        area="secrets",
        severity="error",
        title="The master key is weak or known to everybody",
        meaning="LiteLLM ends with exit code 3 when its master key is empty or `sk-1234`, the one "
        "of its old documentation. One without sk- is refused at every call, and a short one can "
        "be guessed.",
        remedy="Delete the LITELLM_MASTER_KEY line of .env, then run `gatewayctl up`.",
    ),
    Finding(
        id="secret_weak",
        area="secrets",
        severity="warning",
        title="A secret is weak or published",
        meaning="It is short, has few different characters, or stands in examples and "
        "documentation, where guessing begins.",
        remedy="Replace it by the output of `openssl rand -hex 24`; a database keeps the password "
        "it was made with until `gatewayctl reset --all`.",
    ),
    Finding(
        id="secrets_the_same",
        area="secrets",
        severity="warning",
        title="Two secrets have the same value",
        meaning="Whoever learns one has the other: an application with the master key as its key "
        "administers the gateway, a database password that is the salt key opens what it keeps.",
        remedy="Give each its own value: `openssl rand -hex 24`.",
    ),
    Finding(
        id="salt_key_changed",
        area="secrets",
        severity="error",
        title="The salt key is not the one the database was made with",
        meaning="LITELLM_SALT_KEY encrypts the credentials LiteLLM stores. It starts with another "
        "one, and can read none of them.",
        remedy="Put the old LITELLM_SALT_KEY back into .env; where it is lost: gatewayctl reset",
    ),
    Finding(
        id="database_password_refused",
        area="secrets",
        severity="error",
        title="The database was made with another password",
        meaning="PostgreSQL keeps the password of the day its data was made; a new .env does not "
        "change it. LiteLLM says P1000 (LiteLLM #38070).",
        remedy="Put the old password back into .env, or delete the data: gatewayctl down --volumes",
    ),
    Finding(
        id="provider_key_missing",
        area="secrets",
        severity="warning",
        title="The key of a model's provider is not set",
        meaning="The gateway starts, and every call of the model fails: Missing credentials. "
        "While an offline model is served besides, this is for information only.",
        remedy="gatewayctl init --openai-api-key-stdin < key.txt",
    ),
    Finding(
        id="provider_key_refused",
        area="secrets",
        severity="warning",
        title="A provider refuses the gateway's key",
        meaning="The key in .env is wrong, ended, or without rights for the model. Calls were "
        "refused within the last day.",
        remedy="Put the real key into .env, then run `gatewayctl restart litellm`.",
    ),
)
