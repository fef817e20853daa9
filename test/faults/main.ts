/**
 * `npm run faults -- --seconds 600`: writes from many connections while etcd and the built API servers are killed, stopped and
 * paused at random; then the verdict over everything that clients were told. Ends with 1 when a rule was broken.
 */
import { defineFlags, parseFlags } from '../../component-base/flags.ts'
import { type Report, runFaults } from './run.ts'

const flags = defineFlags({
  connections: { type: 'number', default: 64, description: 'Clients that write and read.' },
  program: { type: 'string', default: 'dist/apiserver.mjs', description: 'The built API server.' },
  seconds: { type: 'number', default: 600, description: 'How long the load and the faults last.' },
  servers: { type: 'number', default: 2, description: 'API servers on the one etcd.' },
  think: {
    type: 'number',
    default: 10,
    description: 'Milliseconds between an answer and the next request, on average.',
  },
})

const shownViolations = 20

try {
  const { values } = parseFlags(flags, process.argv.slice(2))
  const startMs = performance.now()
  const report = await runFaults({
    ...values,
    thinkMs: values.think,
    random: Math.random,
    log: (text) =>
      process.stdout.write(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${text}\n`),
  })
  process.stdout.write(`${describe(report).join('\n')}\n`)
  if (report.violations.length > 0) process.exitCode = 1
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
}

function describe({ violations, writers, chaos, changes, watches }: Report): readonly string[] {
  return [
    `writes    ${writers.acknowledged} acknowledged, ${writers.refused} refused, ${writers.unknown} unknown`,
    `reads     ${writers.reads}`,
    `store     ${changes} changes`,
    `faults    ${Object.entries(chaos)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    ...watches.map(({ name, ...figures }) => `watch     ${name.padEnd(14)} ${JSON.stringify(figures)}`),
    `broken    ${violations.length} rules`,
    ...violations.slice(0, shownViolations).map(({ rule, text }) => `  ${rule}: ${text}`),
  ]
}
