"""Every failure that gatewayctl reports: one class = one code + one exit code + one remedy.

Owns the exit codes of the command line contract, a file for each family. Must not know who raises
or shows them.
"""
# ruff: noqa: F403

from gatewayctl.errors.base import *
from gatewayctl.errors.gateway import *
from gatewayctl.errors.outcome import *
from gatewayctl.errors.runtime import *
from gatewayctl.errors.settings import *
from gatewayctl.errors.usage import *
