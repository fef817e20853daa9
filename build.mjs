// Bundles every program into dist/, so that a process starts in tens of milliseconds.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { build } from 'esbuild'

const programs = [
  'apiserver',
  'scheduler',
  'controller-manager',
  'kubelet',
  'flanneld',
  'kube-proxy',
  'dns',
  'service-lb',
  'ingress',
  'cni',
  'kubets',
].filter((name) => existsSync(`${name}/main.ts`))
const local = existsSync('deploy/local/main.ts') ? { local: 'deploy/local/main.ts' } : {}
const plane = existsSync('test/fixtures/run-control-plane.ts')
  ? { 'control-plane': 'test/fixtures/run-control-plane.ts' }
  : {}
const benches = existsSync('test/bench')
  ? Object.fromEntries(
      readdirSync('test/bench', { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => [`bench-${name}`, `test/bench/${name}/main.ts`]),
    )
  : {}
const faults = existsSync('test/faults/main.ts') ? { faults: 'test/faults/main.ts' } : {}
const workers = Object.fromEntries(
  programs.flatMap((name) =>
    readdirSync(name, { recursive: true })
      .filter((file) => file.endsWith('.worker.ts'))
      .map((file) => [file.replace(/^.*\//, '').replace(/\.ts$/, ''), `${name}/${file}`]),
  ),
)

await build({
  entryPoints: {
    ...Object.fromEntries(programs.map((name) => [name, `${name}/main.ts`])),
    ...local,
    ...workers,
    ...plane,
    ...benches,
    ...faults,
  },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  external: ['koffi'],
  sourcemap: 'linked',
  logLevel: 'warning',
  // CommonJS packages inside an ES module bundle still ask for these names.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
})

// The texts of `kubectl explain` come from a package and change only with it.
const texts = 'dist/api-descriptions.json'
if (!existsSync(texts) || statSync(texts).mtimeMs < statSync('package-lock.json').mtimeMs) {
  const { status } = spawnSync('node', ['apimachinery/openapi/descriptions.mjs', texts], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
