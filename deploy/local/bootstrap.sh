#!/bin/sh
# Makes sure that npm has been run for the present package-lock.json, so that
# node_modules/.bin/node (the Node this project runs on) is there. Any older Node of
# the machine is good enough to run npm. Repeating it costs a tenth of a second.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v npm >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo 'bootstrap: installing nodejs npm'
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
  else
    echo 'There is no npm on this machine. Type this, then run it again:' >&2
    echo '  sudo apt-get update && sudo apt-get install -y nodejs npm     (macOS: brew install node)' >&2
    exit 1
  fi
fi

NODE=node_modules/.bin/node
[ -x "$NODE" ] || NODE=node
if ! "$NODE" deploy/local/installed.mjs 2>/dev/null; then
  echo 'bootstrap: npm ci'
  npm ci --no-audit --no-fund --loglevel=error
fi
if ! node_modules/.bin/node --version >/dev/null 2>&1; then
  echo 'node_modules has no working Node: its install script did not run. Type: npm ci --ignore-scripts=false' >&2
  exit 1
fi
