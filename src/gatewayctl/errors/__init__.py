"""Every failure gatewayctl can name: one class = one code + one exit code + a remedy.

    GatewayctlError
    ├── UsageProblem (2)            the command line asks for something that cannot be
    │   ├── UnknownComponent
    │   ├── EmptyPrompt
    │   ├── BackupExists
    │   ├── UpgradeRefused
    │   ├── NothingToRollBack
    │   └── ConfirmationRequired
    ├── SettingsProblem (3)         gateway.yaml, .env, environment
    │   ├── SettingsInvalid         all problems of one load, each with source and line
    │   ├── EnvFileMissing
    │   ├── MasterKeyMissing
    │   ├── MasterKeyWeak
    │   ├── SaltKeyChanged
    │   ├── EnvFileUnreadable
    │   ├── EnvFileUnwritable
    │   ├── EnvValueUnsafe
    │   ├── VirtualKeyMissing
    │   ├── FileUnwritable
    │   └── FileUnreadable
    ├── RuntimeProblem (4)          Docker or a process
    │   ├── RuntimeUnavailable
    │   │   ├── EngineMissing
    │   │   ├── EngineNotRunning
    │   │   ├── EnginePermission
    │   │   └── ComposeMissing
    │   ├── ImageMissing
    │   ├── RegistryUnreachable
    │   ├── BuildFailed
    │   ├── ProjectNameTaken
    │   ├── EnvironmentBroken
    │   ├── PortTaken
    │   ├── ServiceFailed
    │   ├── NotHealthy
    │   ├── NotHealthyInTime
    │   ├── MigrationFailed
    │   ├── DatabasePasswordRefused
    │   ├── UnknownService
    │   ├── TemplatesMissing
    │   ├── BackupBroken
    │   ├── BackupSealed
    │   ├── BackupForeign
    │   ├── BackupTooNew
    │   ├── DiskFull
    │   ├── RestoreUnproven
    │   ├── RestoreUnfinished
    │   ├── PreflightRefused
    │   ├── UpgradeUnfinished
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
    │   ├── ProblemsFound
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
    ProblemsFound,
)
from gatewayctl.errors.runtime import (
    BackupBroken,
    BackupForeign,
    BackupSealed,
    BackupTooNew,
    BuildFailed,
    ComposeMissing,
    DatabasePasswordRefused,
    DiskFull,
    EngineMissing,
    EngineNotRunning,
    EnginePermission,
    EnvironmentBroken,
    ImageMissing,
    Locked,
    MigrationFailed,
    NotHealthy,
    NotHealthyInTime,
    PortTaken,
    PreflightRefused,
    ProjectNameTaken,
    RegistryUnreachable,
    RestoreUnfinished,
    RestoreUnproven,
    RuntimeProblem,
    RuntimeUnavailable,
    ServiceFailed,
    TemplatesMissing,
    UnknownService,
    UpgradeUnfinished,
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
    SaltKeyChanged,
    SettingsInvalid,
    SettingsProblem,
    VirtualKeyMissing,
)
from gatewayctl.errors.usage import (
    BackupExists,
    ConfirmationRequired,
    EmptyPrompt,
    NothingToRollBack,
    UnknownComponent,
    UpgradeRefused,
    UsageProblem,
)

__all__ = [
    "BackupBroken",
    "BackupExists",
    "BackupForeign",
    "BackupSealed",
    "BackupTooNew",
    "BuildFailed",
    "ComposeMissing",
    "ConfirmationRequired",
    "DatabasePasswordRefused",
    "DiskFull",
    "Drift",
    "EmptyPrompt",
    "EngineMissing",
    "EngineNotRunning",
    "EnginePermission",
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
    "ImageMissing",
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
    "NothingToRollBack",
    "PartlyDone",
    "PhoenixUnreachable",
    "PortTaken",
    "PreflightRefused",
    "Problem",
    "ProblemsFound",
    "ProjectNameTaken",
    "Refused",
    "RegistryUnreachable",
    "RestoreUnfinished",
    "RestoreUnproven",
    "RuntimeProblem",
    "RuntimeUnavailable",
    "SaltKeyChanged",
    "ServiceFailed",
    "SettingsInvalid",
    "SettingsProblem",
    "TemplatesMissing",
    "TraceUnknown",
    "UnknownComponent",
    "UnknownModel",
    "UnknownService",
    "Unreachable",
    "UpgradeRefused",
    "UpgradeUnfinished",
    "UpstreamRefused",
    "UpstreamTimeout",
    "UsageProblem",
    "VirtualKeyMissing",
    "VirtualKeyRefused",
]
