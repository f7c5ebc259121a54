#!/bin/sh
# Makes .venv from uv.lock with nothing but Python 3.11 or newer. Debian splits the venv module off
# into a package of its own: installed here where we may, asked for where we may not.
set -eu
python=$1
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed, and '$python' is not. Try: make PYTHON=python3.12 …" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python3-venv, which Debian's Python comes without."
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null
    else
        echo "This Python has no venv module. As root: apt-get install python3-venv" >&2
        exit 1
    fi
fi
echo "Making .venv (first time only)."
[ -x .venv/bin/python ] || "$python" -m venv .venv
if [ ! -x .venv/bin/uv ]; then
    version=$(sed -n '/^name = "uv"$/{n;s/version = "\(.*\)"/\1/p;q;}' uv.lock)
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$version"
fi
.venv/bin/uv sync --quiet --frozen --compile-bytecode
