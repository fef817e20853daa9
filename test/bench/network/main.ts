/**
 * `npm run bench:network`: what the network costs and carries, in one run: packets between nodes over every backend, kube-proxy's
 * modes, DNS, CNI. Everything happens in namespaces that are made for it and are gone afterwards.
 */
import { defineFlags, FlagError, type FlagValues, parseFlags } from '../../../component-base/flags.ts'
import { carriers } from './carriers.ts'
import { measureCni } from './cni.ts'
import { measureDns } from './dns.ts'
import { receiveFlood, sendFlood } from './flood.ts'
import { endOnSignals, runInside } from './isolation.ts'
import { prepareMachine } from './pair.ts'
import { listenForever, untilOpen, untilShut } from './probe.ts'
import { measureProxy } from './proxy.ts'
import { type Report, renderTable } from './report.ts'
import { measureTunnels, tunnelMeasures } from './tunnels.ts'
import { kernelRelease, type Wire, wires } from './wire.ts'

const flags = defineFlags({
  rows: {
    type: 'strings',
    default: ['tunnels', 'dns', 'cni', 'proxy'],
    description: 'Parts to measure: tunnels, dns, cni, proxy.',
  },
  seconds: { type: 'number', default: 3, description: 'How long each load lasts.' },
  rounds: { type: 'number', default: 3, description: 'How often each is measured; the median counts.' },
  json: { type: 'boolean', default: false, description: 'Print everything as JSON, single figures too.' },
  paths: {
    type: 'strings',
    default: ['routing', 'host-gw', 'vxlan', 'udp'],
    description: `Ways between nodes: ${Object.keys(carriers).join(', ')}.`,
  },
  wires: { type: 'strings', default: [...wires], description: 'Kinds of wire: offloads, frames.' },
  measures: {
    type: 'strings',
    default: [...tunnelMeasures],
    description: `What to measure of each way: ${tunnelMeasures.join(', ')}.`,
  },
  reference: {
    type: 'string',
    default: '',
    description:
      'A program that speaks flannel udp, measured as the path "reference"; started with: device, device address, MTU, own address, port, peer subnet, prefix length, peer address.',
  },
  verbose: { type: 'boolean', default: false, description: 'Show what the daemons say.' },
  help: { type: 'boolean', default: false, description: 'Show this text.' },
  inside: {
    type: 'boolean',
    default: false,
    description: 'Used by the bench itself: it is in its namespaces already.',
  },
  modes: {
    type: 'strings',
    default: ['iptables', 'nftables', 'ipvs'],
    description: 'Modes of kube-proxy; one that this kernel lacks is told in words.',
  },
  services: {
    type: 'strings',
    default: ['1000', '5000', '10000'],
    description: 'Numbers of Services, 10 endpoints each.',
  },
  'reference-proxy': {
    type: 'string',
    default: '',
    description: "Another kube-proxy with upstream's flags, measured beside ours.",
  },
  pods: { type: 'number', default: 40, description: 'How many pods CNI connects.' },
  listen: { type: 'number', default: 0, description: 'Used by the bench itself: take connections here.' },
  probe: {
    type: 'string',
    default: '',
    description: 'Used by the bench itself: knock there (open|shut:address:port).',
  },
  'flood-sink': { type: 'string', default: '', description: 'Used by the bench itself: count datagrams here.' },
  'flood-target': { type: 'string', default: '', description: 'Used by the bench itself: send datagrams there.' },
  'flood-bytes': { type: 'number', default: 64, description: 'Used by the bench itself: size of those.' },
})
type Values = FlagValues<typeof flags>

const parts: Readonly<Record<string, (values: Values, folder: string) => Promise<Report>>> = {
  dns: async ({ seconds }, folder) => await measureDns({ folder, seconds }),
  cni: async ({ pods }, folder) => await measureCni({ folder, pods }),
  tunnels: async (values, folder) =>
    await measureTunnels({
      ...values,
      folder,
      wires: values.wires as readonly Wire[],
      paths: values.reference === '' ? values.paths : [...new Set([...values.paths, 'reference'])],
      log: values.verbose,
    }),
  proxy: async (values, folder) =>
    await measureProxy({
      ...values,
      folder,
      sizes: values.services.map(Number),
      referenceProxy: values['reference-proxy'],
    }),
}

function usage(): string {
  const lines = Object.entries(flags)
    .filter(([, { description }]) => !description.startsWith('Used by the bench'))
    .map(([name, spec]) => `  --${name.padEnd(15)} ${spec.description} (default ${JSON.stringify(spec.default)})`)
  return ['npm run bench:network -- [options]', ...lines, ''].join('\n')
}

function check(values: Values): void {
  const known = { rows: Object.keys(parts), paths: Object.keys(carriers), wires, measures: tunnelMeasures }
  for (const name of ['rows', 'paths', 'wires', 'measures'] as const) {
    const wrong = values[name].filter((each) => !known[name].some((one) => one === each))
    if (wrong.length > 0)
      throw new FlagError(`unknown ${name}: ${wrong.join(', ')}; there are ${known[name].join(', ')}`)
  }
  if (values.paths.includes('reference') && values.reference === '')
    throw new FlagError('the path "reference" needs --reference PROGRAM')
}

/** What one part found; where it could not be measured, why. */
async function reportOf(name: string, values: Values, folder: string): Promise<Report> {
  try {
    return (await parts[name]?.(values, folder)) ?? { tables: [], notes: [] }
  } catch (error) {
    process.exitCode = 1
    return { tables: [], notes: [`${name}: not measured: ${error instanceof Error ? error.message : String(error)}`] }
  }
}

async function measure(values: Values): Promise<void> {
  endOnSignals()
  const folder = await prepareMachine()
  const reports: Record<string, Report> = {}
  for (const name of values.rows) {
    const report = await reportOf(name, values, folder)
    reports[name] = report
    if (!values.json) process.stdout.write([...report.tables.map(renderTable), ...report.notes, ''].join('\n'))
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ kernel: kernelRelease(), reports }, undefined, 1)}\n`)
}

/** Knocks as `--probe` says: a line when it begins, and one with the time at the end. */
async function probe(text: string): Promise<void> {
  const [state, address = '', port] = text.split(':')
  process.stdout.write('ready\n')
  const atMs = await (state === 'shut' ? untilShut : untilOpen)(address, Number(port))
  process.stdout.write(`${atMs}\n`)
  process.exit(0)
}

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseFlags(flags, argv)
  if (values.help) return void process.stdout.write(usage())
  if (values['flood-sink'] !== '') {
    const announce = (): void => void process.stdout.write('{}\n')
    return void process.stdout.write(`${JSON.stringify(receiveFlood(values['flood-sink'], announce))}\n`)
  }
  if (values['flood-target'] !== '') {
    const sent = sendFlood(values['flood-target'], values['flood-bytes'], values.seconds)
    return void process.stdout.write(`${JSON.stringify(sent)}\n`)
  }
  if (values.listen > 0) return await listenForever(values.listen)
  if (values.probe !== '') return await probe(values.probe)
  check(values)
  if (values.inside) await measure(values)
  else process.exitCode = await runInside(argv)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
