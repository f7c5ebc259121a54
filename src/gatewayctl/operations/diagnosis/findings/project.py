"""What can be wrong with the project's files and secrets. Owns the texts only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    CaBundleUnusable,
    DatabasePasswordRefused,
    EnvFileMissing,
    EnvFileUnreadable,
    MasterKeyMissing,
    MasterKeyWeak,
    RestoreUnfinished,
    SaltKeyChanged,
    SecretOverridden,
    SettingsInvalid,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

SETTINGS: Final = (
    Finding.of(
        SettingsInvalid,
        area="settings",
        title="A setting is invalid",
        meaning="gateway.yaml, .env or the environment has an unknown name or an invalid value. "
        "No command runs until it is corrected, and nothing was changed. The evidence shows file, "
        "line and column.",
    ),
    Finding.of(
        EnvFileMissing,
        area="settings",
        title=".env is missing",
        meaning="The secrets of the stack and the applications' keys are stored in .env beside "
        "gateway.yaml. A freshly cloned project has none.",
        fix="creates .env with generated secrets, unless databases created with others exist",
    ),
    Finding.of(
        EnvFileUnreadable,
        area="settings",
        title=".env cannot be read",
        meaning="It is not a UTF-8 text file, or this user has no permission to read it.",
    ),
    Finding(
        id="env_file_mode",
        area="settings",
        severity="warning",
        title=".env is accessible to other users",
        meaning="It contains every secret of the project, so its mode must be 0600.",
        remedy="Run `chmod 600 .env`.",
        fix="sets the mode to 0600",
    ),
    Finding(
        id="env_value_ambiguous",
        area="settings",
        severity="warning",
        title="A value of .env is read differently by different programs",
        meaning="Docker Compose, `sh -c '. ./.env'` and python-dotenv disagree about spaces, tabs, "
        "dollar signs, quotes and backslashes. With such a value an application reads another "
        "secret than the gateway.",
        remedy="Put the value into single quotes, or use only letters, digits and ._:/+=@%,-. Put "
        "a blank before a comment.",
    ),
    Finding(
        id="env_file_not_ignored",
        area="settings",
        severity="warning",
        title="git does not ignore .env",
        meaning="The project is in a git repository, and .gitignore lacks .env or .gatewayctl/. "
        "One `git add .` would publish every secret.",
        remedy="Run `gatewayctl init`.",
        fix="adds the missing lines to .gitignore",
    ),
    Finding.of(
        SecretOverridden,
        area="settings",
        title="The environment has another value than .env",
        meaning="An environment variable takes precedence over .env, so the value in .env is not "
        "used in this terminal, but may be used in another. Secrets that gatewayctl keeps in .env "
        "would be replaced by values such as revoked keys of an older .env, so commands that use "
        "them are refused. For other variables this is for information only.",
    ),
    Finding(
        id="bound_to_all",
        area="settings",
        severity="warning",
        title="The ports listen on every address",
        meaning="Phoenix has no login and stores prompts and replies; PostgreSQL is protected only "
        "by a password. With `bind: 0.0.0.0` every machine in the network can reach them.",
        remedy="Set `bind: 127.0.0.1` in gateway.yaml and put a TLS proxy in front of LiteLLM.",
    ),
    Finding(
        id="proxy_unusable",
        area="settings",
        severity="warning",
        title="LiteLLM does not get a proxy of this machine",
        meaning="LiteLLM uses proxies of the kinds http and https only, and in a container "
        "127.0.0.1 is the container itself. Calls of providers do not go through this proxy.",
        remedy="Set HTTPS_PROXY in .env to an http:// address that the services reach (in Docker "
        "http://host.docker.internal:PORT, if the proxy listens beyond 127.0.0.1), then run "
        "`gatewayctl up`.",
    ),
    Finding.of(
        CaBundleUnusable,
        area="settings",
        title="The certificates of ca_bundle cannot be used",
        meaning="The file is missing, cannot be read, or contains no valid certificate in PEM "
        "format (-----BEGIN CERTIFICATE-----). LiteLLM would not start with it.",
    ),
    Finding(
        id="provider_on_loopback",
        area="settings",
        severity="warning",
        title="A model's server is at a loopback address, but LiteLLM runs in a container",
        meaning="127.0.0.1 and localhost are the container itself there, so every call of the "
        "model fails. host.docker.internal is the machine of the engine; on Linux the server must "
        "also listen beyond loopback, and rootless Docker needs the machine's own address.",
        remedy="Write the api_base: that the evidence shows in gateway.yaml, then run "
        "`gatewayctl up`.",
    ),
    Finding(
        id="workers_without_redis",
        area="settings",
        severity="warning",
        title="Several workers without Redis",
        meaning="LiteLLM's processes share budgets, rate limits and revoked keys through Redis. "
        "Without it, a key that was revoked still works in the other processes.",
        remedy="Set `workers: 1` in gateway.yaml, or use --runtime docker, which starts a Redis.",
    ),
    Finding(
        id="files_differ",
        area="settings",
        severity="warning",
        title="A rendered file has manual edits or is outdated",
        meaning="compose/ is generated from gateway.yaml. The next `up` overwrites a file that "
        "differs; make the change in gateway.yaml instead.",
        remedy="Run `gatewayctl render`.",
        fix="regenerates the files",
    ),
    Finding.of(
        RestoreUnfinished,
        area="settings",
        title="A restore was interrupted between the databases and their secrets",
        meaning="The databases are those of the backup, but .env may still be the old one, and the "
        "gateway could not decrypt its data. Until the restore is finished, commands that change "
        "the project are refused, except `down`.",
    ),
)

SECRETS: Final = (
    Finding(
        id="secret_missing",
        area="secrets",
        severity="warning",
        title="A secret of the stack is not set",
        meaning="Each is generated once, by `init` or `up`. If one is missing later, it was "
        "deleted. `up` generates a new one and gives the databases their new passwords. It "
        "recovers a salt key from a LiteLLM that still has it, and never replaces one in use.",
        remedy="Run `gatewayctl up`.",
        fix="generates it, unless a database has to be given the new one",
    ),
    Finding.of(
        MasterKeyMissing,
        area="secrets",
        title="The master key is missing",
        meaning="LiteLLM refuses to start without LITELLM_MASTER_KEY: it exits with code 3.",
        fix="generates it",
    ),
    Finding.of(
        MasterKeyWeak,
        area="secrets",
        title="The master key is weak or publicly known",
        meaning="LiteLLM exits with code 3 if its master key is empty or `sk-1234`, the example of "
        "its old documentation. A key without sk- is refused at every call, and a short one can "
        "be guessed.",
    ),
    Finding(
        id="secret_weak",
        area="secrets",
        severity="warning",
        title="A secret is weak or publicly known",
        meaning="It is short, has few different characters, or is used in examples and "
        "documentation, where guessing starts.",
        remedy="Replace it with the output of `openssl rand -hex 24`, then run `gatewayctl up`, "
        "which changes the passwords of the databases too. Keep a salt key that LiteLLM has used.",
    ),
    Finding(
        id="secrets_the_same",
        area="secrets",
        severity="warning",
        title="Two secrets have the same value",
        meaning="Whoever learns one knows the other: an application whose key is the master key "
        "can administer the gateway, and a database password that is the salt key decrypts the "
        "data.",
        remedy="Give each its own value: delete the line of a master key, a virtual key or a "
        "password, and run `gatewayctl up`, which creates another one; get another key from a "
        "provider. Keep a salt key that LiteLLM has used.",
    ),
    Finding.of(
        SaltKeyChanged,
        area="secrets",
        title="The salt key is not the one the database was created with",
        meaning="LITELLM_SALT_KEY encrypts the credentials that LiteLLM stores. With another key "
        "it starts, but cannot decrypt any of them.",
    ),
    Finding.of(
        DatabasePasswordRefused,
        area="secrets",
        title="The database has another password than .env",
        meaning="PostgreSQL keeps the password its data was created with until `gatewayctl up` "
        "gives it that of .env. LiteLLM reports P1000 (LiteLLM #38070).",
    ),
    Finding(
        id="provider_key_missing",
        area="secrets",
        severity="warning",
        title="The API key of a model's provider is not set",
        meaning="The gateway starts, but every call of the model fails with «Missing credentials». "
        "If another model can be called, such as the offline one, this is for information only.",
        remedy="Run `gatewayctl init --openai-api-key-stdin < key.txt`.",
    ),
    Finding(
        id="provider_key_refused",
        area="secrets",
        severity="warning",
        title="A provider refuses the gateway's API key",
        meaning="The key in .env is wrong, expired, or lacks permission for the model. Calls were "
        "refused within the last day.",
        remedy="Put the real key into .env, then run `gatewayctl restart litellm`.",
    ),
)
