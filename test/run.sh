#!/bin/sh
# `npm test`: sets up what the tests need, then runs unit, integration and end-to-end tests and prints a summary.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
node build.mjs
exec node test/run.mjs "$@"
