/**
 * `npm run bench:apiserver`: the rows of the budget that concern the API server, measured against our own on an empty etcd, or
 * with `--server URL --token T [--pid N]` against any other Kubernetes API server, under the very same load.
 */
import { defineFlags, FlagError, parseFlags } from '../../../component-base/flags.ts'
import { createNamespace, measurements } from './rows.ts'
import { existingTarget, startTarget } from './target.ts'

const flags = defineFlags({
  connections: { type: 'number', default: 32, description: 'Connections that create and get pods.' },
  pid: { type: 'number', default: 0, description: 'Process of the server, for its memory and CPU.' },
  profile: { type: 'string', default: '', description: 'Folder for a CPU profile of our server.' },
  rows: { type: 'strings', default: Object.keys(measurements), description: 'What to measure.' },
  seconds: { type: 'number', default: 8, description: 'How long each load lasts.' },
  server: {
    type: 'string',
    default: '',
    description: 'An API server that runs already, such as https://127.0.0.1:6443.',
  },
  token: { type: 'string', default: '', description: 'A bearer token of a cluster administrator.' },
})

try {
  const { values } = parseFlags(flags, process.argv.slice(2))
  const unknown = values.rows.filter((name) => !(name in measurements))
  if (unknown.length > 0)
    throw new FlagError(`unknown rows: ${unknown.join(', ')}; there are ${Object.keys(measurements).join(', ')}`)
  const target =
    values.server === '' ? await startTarget(values.profile) : existingTarget(values.server, values.token, values.pid)
  try {
    const settings = { connections: values.connections, seconds: values.seconds, namespace: 'bench' }
    await createNamespace(target, settings.namespace)
    for (const name of values.rows) {
      for (const { what, figure } of (await measurements[name]?.(target, settings)) ?? []) {
        process.stdout.write(`${what.padEnd(58)} ${figure}\n`)
      }
    }
  } finally {
    await target.close()
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
