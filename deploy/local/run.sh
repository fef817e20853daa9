#!/bin/sh
# Sets up what `npm start`, `npm stop` and `npm run status` need (npm packages, the bundles in dist/), then runs the command.
set -eu
cd "$(dirname "$0")/../.."

if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "kubets needs Node.js 20.19 or newer; this is $(node --version)." >&2
  exit 1
fi

if [ "$1" = start ] || [ ! -f dist/local.mjs ]; then
  if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "Installing npm packages ..."
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    touch node_modules/.package-lock.json
  fi
  node build.mjs
fi
exec node --enable-source-maps dist/local.mjs "$@"
