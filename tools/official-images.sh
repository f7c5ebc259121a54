#!/bin/sh
# Runs the Docker tests on the official images and reports the result. It needs an engine and a
# machine that reaches the registries. Every image is pulled, also in the place of a stand-in; if
# one cannot be, no test runs. Exit code 0 if every test passed.
#
#   sh tools/official-images.sh [PYTEST ARGUMENTS, instead of tests/e2e/docker]
#
# The report is printed, and written to dist/official-images.txt (REPORT=FILE: elsewhere).
set -eu

cd "$(dirname "$0")/.."
python=.venv/bin/python
report=${REPORT:-dist/official-images.txt}

[ -x "$python" ] || make .venv/.ready
sh tools/engine.sh
"$python" -m tests.e2e.images --official

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- -n 2 tests/e2e/docker
echo 1 >"$work/code"
{ "$python" -m pytest -p no:cacheprovider "$@" && echo 0 >"$work/code"; } 2>&1 | tee "$work/log"

mkdir -p "$(dirname "$report")"
{
    echo "Official images, $(date -u '+%Y-%m-%d %H:%M UTC')"
    echo
    echo "$("$python" -m gatewayctl --version), commit $(git describe --always --dirty 2>/dev/null || echo unknown)"
    echo "machine  $(uname -srm)"
    echo "engine   $(docker version --format '{{.Server.Version}} ({{.Server.Os}}/{{.Server.Arch}})')"
    echo "Compose  $(docker compose version --short)"
    echo "tests    $*"
    echo
    "$python" -m tests.e2e.images --list | while read -r name; do
        docker image inspect --format "$name  {{index .RepoDigests 0}}  {{.Created}}" "$name" </dev/null
    done
    echo
    # Failures by name, then the last line, which counts.
    grep -E '^(FAILED|ERROR) ' "$work/log" || true
    tail -n 1 "$work/log"
} >"$report"
echo
cat "$report"
echo
echo "Written to $report"
exit "$(cat "$work/code")"
