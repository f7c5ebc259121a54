"""Every failure gatewayctl can name: one class = one code + one exit code + a remedy.

    GatewayctlError
    ├── UsageProblem (2)            the command line asks for something that cannot be
    │   ├── UnknownComponent
    │   ├── EmptyPrompt
    │   └── ConfirmationRequired
    ├── SettingsProblem (3)         gateway.yaml, .env, environment
    │   ├── SettingsInvalid         all problems of one load, each with source and line
    │   ├── EnvFileMissing
    │   ├── MasterKeyMissing
    │   ├── MasterKeyWeak
    │   ├── EnvFileUnreadable
    │   ├── EnvFileUnwritable
    │   ├── EnvValueUnsafe
    │   ├── VirtualKeyMissing
    │   ├── FileUnwritable
    │   └── FileUnreadable
    ├── RuntimeProblem (4)          Docker or a process
    │   ├── RuntimeUnavailable
    │   ├── EnvironmentBroken
    │   ├── PortTaken
    │   ├── ServiceFailed
    │   ├── NotHealthy
    │   ├── NotHealthyInTime
    │   ├── MigrationFailed
    │   ├── DatabasePasswordRefused
    │   ├── UnknownService
    │   ├── TemplatesMissing
    │   └── Locked
    ├── Unreachable (5)
    │   ├── GatewayUnreachable
    │   ├── GatewayTimeout
    │   ├── PhoenixUnreachable
    │   └── TraceUnknown
    ├── Refused (6)                 the gateway answered, and the answer is no
    │   ├── GatewayRefused
    │   ├── MasterKeyRefused
    │   ├── VirtualKeyRefused
    │   ├── GatewayDatabaseMissing
    │   ├── UnknownModel
    │   ├── KeyAliasExists
    │   ├── UpstreamRefused
    │   └── UpstreamTimeout
    ├── NotVerified (7)
    │   └── PartlyDone
    ├── Drift (8)
    └── Interrupted (130)

Owns the exit codes of the command line contract. Must not know who raises or shows them.
"""

from gatewayctl.errors.base import (
    GatewayctlError,
)
from gatewayctl.errors.gateway import (
    GatewayDatabaseMissing,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnreachable,
    KeyAliasExists,
    MasterKeyRefused,
    PhoenixUnreachable,
    Refused,
    TraceUnknown,
    UnknownModel,
    Unreachable,
    UpstreamRefused,
    UpstreamTimeout,
    VirtualKeyRefused,
)
from gatewayctl.errors.outcome import (
    Drift,
    Interrupted,
    NotVerified,
    PartlyDone,
)
from gatewayctl.errors.runtime import (
    DatabasePasswordRefused,
    EnvironmentBroken,
    Locked,
    MigrationFailed,
    NotHealthy,
    NotHealthyInTime,
    PortTaken,
    RuntimeProblem,
    RuntimeUnavailable,
    ServiceFailed,
    TemplatesMissing,
    UnknownService,
)
from gatewayctl.errors.settings import (
    EnvFileMissing,
    EnvFileUnreadable,
    EnvFileUnwritable,
    EnvValueUnsafe,
    FileUnreadable,
    FileUnwritable,
    MasterKeyMissing,
    MasterKeyWeak,
    Problem,
    SettingsInvalid,
    SettingsProblem,
    VirtualKeyMissing,
)
from gatewayctl.errors.usage import (
    ConfirmationRequired,
    EmptyPrompt,
    UnknownComponent,
    UsageProblem,
)

__all__ = [
    "ConfirmationRequired",
    "DatabasePasswordRefused",
    "Drift",
    "EmptyPrompt",
    "EnvFileMissing",
    "EnvFileUnreadable",
    "EnvFileUnwritable",
    "EnvValueUnsafe",
    "EnvironmentBroken",
    "FileUnreadable",
    "FileUnwritable",
    "GatewayDatabaseMissing",
    "GatewayRefused",
    "GatewayTimeout",
    "GatewayUnreachable",
    "GatewayctlError",
    "Interrupted",
    "KeyAliasExists",
    "Locked",
    "MasterKeyMissing",
    "MasterKeyRefused",
    "MasterKeyWeak",
    "MigrationFailed",
    "NotHealthy",
    "NotHealthyInTime",
    "NotVerified",
    "PartlyDone",
    "PhoenixUnreachable",
    "PortTaken",
    "Problem",
    "Refused",
    "RuntimeProblem",
    "RuntimeUnavailable",
    "ServiceFailed",
    "SettingsInvalid",
    "SettingsProblem",
    "TemplatesMissing",
    "TraceUnknown",
    "UnknownComponent",
    "UnknownModel",
    "UnknownService",
    "Unreachable",
    "UpstreamRefused",
    "UpstreamTimeout",
    "UsageProblem",
    "VirtualKeyMissing",
    "VirtualKeyRefused",
]
