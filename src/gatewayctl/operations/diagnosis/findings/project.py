"""Findings about the project's files and secrets. Owns their text only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    DatabasePasswordRefused,
    EnvFileMissing,
    EnvFileUnreadable,
    MasterKeyMissing,
    MasterKeyWeak,
    RestoreUnfinished,
    SaltKeyChanged,
    SettingsInvalid,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

SETTINGS: Final = (
    Finding(
        id="settings_invalid",
        area="settings",
        severity="error",
        title="A setting is invalid",
        meaning="gateway.yaml, .env or the environment contains an unknown name or an invalid "
        "value. No command runs until it is corrected, and nothing was changed. The evidence shows "
        "file, line and column.",
        remedy=SettingsInvalid.remedy,
    ),
    Finding(
        id="env_file_missing",
        area="settings",
        severity="error",
        title="There is no .env",
        meaning="The secrets of the stack and the keys of the applications are in .env beside "
        "gateway.yaml. A freshly cloned project has none.",
        remedy=EnvFileMissing.remedy,
        fix="creates .env with generated secrets, unless databases created with older ones exist",
    ),
    Finding(
        id="env_file_unreadable",
        area="settings",
        severity="error",
        title=".env cannot be read",
        meaning="It is not a UTF-8 text file, or this user has no permission to read it.",
        remedy=EnvFileUnreadable.remedy,
    ),
    Finding(
        id="env_file_mode",
        area="settings",
        severity="warning",
        title="Other users can read or write .env",
        meaning="It contains every secret of the project, so its mode must be 0600.",
        remedy="Run `chmod 600 .env`.",
        fix="sets the mode to 0600",
    ),
    Finding(
        id="env_value_ambiguous",
        area="settings",
        severity="warning",
        title="Programs read a value of .env differently",
        meaning="Docker Compose, `sh -c '. ./.env'` and python-dotenv treat spaces, dollar signs, "
        "quotes and backslashes differently. With such a value an application may read another "
        "secret than the gateway.",
        remedy="Put the value in single quotes, or use only letters, digits and ._:/+=@%,- in it.",
    ),
    Finding(
        id="env_file_not_ignored",
        area="settings",
        severity="warning",
        title="git does not ignore .env",
        meaning="The project is in a git repository whose .gitignore lacks .env or .gatewayctl/. "
        "One `git add .` publishes every secret.",
        remedy="Run `gatewayctl init`.",
        fix="adds the missing lines to .gitignore",
    ),
    Finding(
        id="environment_shadows",
        area="settings",
        severity="info",
        title="An environment variable overrides a value of .env",
        meaning="Environment variables take precedence over .env. Commands in this terminal use "
        "another value than the one in .env; in another terminal they may use the one in .env.",
        remedy="Run `unset NAME`.",
    ),
    Finding(
        id="bound_to_all",
        area="settings",
        severity="warning",
        title="The ports listen on all addresses",
        meaning="Phoenix has no login and contains prompts and replies; PostgreSQL is protected by "
        "a password only. With `bind: 0.0.0.0`, every machine in the network can connect to them.",
        remedy="Set `bind: 127.0.0.1` in gateway.yaml and put a TLS proxy in front of LiteLLM.",
    ),
    Finding(
        id="workers_without_redis",
        area="settings",
        severity="warning",
        title="Several workers without Redis",
        meaning="The processes of LiteLLM share budgets, rate limits and revoked keys through "
        "Redis. Without it each has its own: a revoked key still works in the other processes.",
        remedy="Set `workers: 1` in gateway.yaml, or use --runtime docker, which starts a Redis.",
    ),
    Finding(
        id="files_differ",
        area="settings",
        severity="warning",
        title="A rendered file was edited manually",
        meaning="The files in compose/ are rendered from gateway.yaml, and the next `up` "
        "overwrites manual edits. Make the change in gateway.yaml instead.",
        remedy="Run `gatewayctl render`.",
        fix="renders the files again",
    ),
    Finding(
        id="restore_unfinished",
        area="settings",
        severity="error",
        title="A restore was interrupted between the databases and their secrets",
        meaning="The databases are those of the backup, but .env may still have the secrets from "
        "before, with which LiteLLM cannot read what it stored. Until the restore is finished, "
        "commands that change the project are refused, except `down`.",
        remedy=RestoreUnfinished.remedy,
    ),
)

SECRETS: Final = (
    Finding(
        id="secret_missing",
        area="secrets",
        severity="warning",
        title="A secret of the stack is not set",
        meaning="`init` or `up` generates each secret once. If one is missing later, it was "
        "deleted.",
        remedy="Run `gatewayctl init`.",
        fix="generates it, unless databases created with an older one exist",
    ),
    Finding(
        id="master_key_missing",
        area="secrets",
        severity="error",
        title="The master key is not set",
        meaning="LiteLLM does not start without LITELLM_MASTER_KEY: it exits with code 3.",
        remedy=MasterKeyMissing.remedy,
        fix="generates it",
    ),
    Finding(
        id="master_key_weak",
        area="secrets",
        severity="error",
        title="The master key is weak or publicly known",
        meaning="LiteLLM exits with code 3 if its master key is empty or `sk-1234`, the example of "
        "its old documentation. It rejects every call with a key that does not start with sk-, and "
        "a short key can be guessed.",
        remedy=MasterKeyWeak.remedy,
    ),
    Finding(
        id="secret_weak",
        area="secrets",
        severity="warning",
        title="A secret is weak or publicly known",
        meaning="It is short, has few different characters, or is used in examples and "
        "documentation, which attackers try first.",
        remedy="Replace it with the output of `openssl rand -hex 24`. A database keeps the "
        "password it was created with until `gatewayctl reset --all`.",
    ),
    Finding(
        id="secrets_the_same",
        area="secrets",
        severity="warning",
        title="Two secrets have the same value",
        meaning="Whoever learns one has the other: an application whose key is the master key can "
        "administer the gateway, and a database password that is also the salt key decrypts what "
        "the database stores.",
        remedy="Give each its own value: `openssl rand -hex 24`.",
    ),
    Finding(
        id="salt_key_changed",
        area="secrets",
        severity="error",
        title="The database was created with another salt key",
        meaning="LiteLLM encrypts the credentials it stores with LITELLM_SALT_KEY. It starts with "
        "another key, but cannot decrypt any of them.",
        remedy=SaltKeyChanged.remedy,
    ),
    Finding(
        id="database_password_refused",
        area="secrets",
        severity="error",
        title="The database was created with another password",
        meaning="PostgreSQL keeps the password with which its data was created; changing .env does "
        "not change it. LiteLLM reports P1000 (LiteLLM #38070).",
        remedy=DatabasePasswordRefused.remedy,
    ),
    Finding(
        id="provider_key_missing",
        area="secrets",
        severity="warning",
        title="The API key of a model's provider is not set",
        meaning="The gateway starts, but every call of the model fails with «Missing credentials». "
        "This is only informational while another model can be called, such as the offline one.",
        remedy="Run `gatewayctl init --openai-api-key-stdin < key.txt`.",
    ),
    Finding(
        id="provider_key_refused",
        area="secrets",
        severity="warning",
        title="A provider rejects the gateway's API key",
        meaning="The key in .env is wrong or expired, or has no access to the model. Calls were "
        "refused within the last day.",
        remedy="Put the real key into .env, then run `gatewayctl restart litellm`.",
    ),
)
