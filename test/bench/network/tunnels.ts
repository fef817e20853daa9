/** The rows about packets between nodes: every way in turn, again and again, so that what disturbs one disturbs all. */
import { median } from '../statistics.ts'
import { type CarrierOptions, type RunningCarrier, startCarrier, startEtcdForNodes } from './carriers.ts'
import type { Daemon } from './process.ts'
import type { Report, Table } from './report.ts'
import { measureFlood, measureRoundTrip, measureStreams, startReceiver } from './traffic.ts'
import { receivedFrames, setWire, type Wire, wireTexts } from './wire.ts'

export type TunnelOptions = CarrierOptions & {
  readonly paths: readonly string[]
  readonly wires: readonly Wire[]
  readonly measures: readonly string[]
  readonly rounds: number
  readonly seconds: number
}

/** The measurements of one way on one wire, and the columns that they fill. */
export const tunnelMeasures = ['tcp1', 'tcp4', 'udp64', 'udp1400', 'rtt'] as const

/** What one column has seen, round by round. */
type Samples = Record<string, number[]>

const columns = [
  ['tcp1.gbit', 'TCP 1 stream Gbit/s'],
  ['tcp4.gbit', 'TCP 4 streams Gbit/s'],
  ['tcp1.path', 'CPU s/GB'],
  ['tcp1.daemon', 'of it daemons'],
  ['tcp1.machine', 'machine s/GB'],
  ['udp64.received', '64 B kpkt/s'],
  ['udp64.offered', 'offered'],
  ['udp1400.received', '1400 B kpkt/s'],
  ['udp1400.offered', 'offered'],
  ['rtt.p50', 'RTT p50 µs'],
  ['rtt.p99', 'p99 µs'],
] as const

const pingCount = 200

/** Starts all ways, measures them in rounds on each wire, and stops them. */
export async function measureTunnels(options: TunnelOptions): Promise<Report> {
  const daemons: Daemon[] = [await startEtcdForNodes(options)]
  try {
    const ready: RunningCarrier[] = []
    for (const [index, name] of options.paths.entries()) {
      const carrier = await startCarrier(name, index + 1, options)
      daemons.push(...carrier.daemons, await startReceiver(carrier))
      ready.push(carrier)
    }
    const tables: Table[] = []
    for (const wire of options.wires) tables.push(await measureWire(ready, wire, options))
    return { tables, notes: [] }
  } finally {
    for (const daemon of daemons) await daemon.stop()
  }
}

async function measureWire(ready: readonly RunningCarrier[], wire: Wire, options: TunnelOptions): Promise<Table> {
  const samples = new Map(ready.map(({ name }) => [name, {} as Samples]))
  for (const carrier of ready) {
    setWire(carrier.pair, wire)
    // Code that runs for the first time is slow; its figures are not kept.
    if (options.measures.some((measure) => measure.startsWith('tcp'))) await measureStreams(carrier, 1, 1)
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const carrier of ready) await measureOnce(carrier, samples.get(carrier.name) ?? {}, options)
  }
  const used = columns.filter(([key]) => [...samples.values()].some((each) => key in each))
  const rows = [...samples].map(([name, each]) => [name, ...used.map(([key]) => median(each[key] ?? []))] as const)
  return {
    title: `${wireTexts[wire]}; median of ${options.rounds} rounds`,
    columns: ['path', ...used.map(([, title]) => title)],
    rows: [...rows, ...ratioRows(rows)],
    samples: Object.fromEntries(samples),
  }
}

/** How many times the reference's figures ours are. */
function ratioRows(rows: readonly (readonly [string, ...number[]])[]): readonly (readonly [string, ...number[]])[] {
  const own = rows.find(([name]) => name === 'udp')
  const other = rows.find(([name]) => name === 'reference')
  if (own === undefined || other === undefined) return []
  const [, ...ownFigures] = own
  const [, ...otherFigures] = other
  return [['udp : reference', ...ownFigures.map((figure, index) => figure / (otherFigures[index] ?? Number.NaN))]]
}

async function measureOnce(carrier: RunningCarrier, samples: Samples, options: TunnelOptions): Promise<void> {
  const add = (figures: Readonly<Record<string, number>>): void => {
    for (const [key, figure] of Object.entries(figures)) samples[key] = [...(samples[key] ?? []), figure]
  }
  for (const measure of options.measures) add(await measureRow(carrier, measure, options))
}

async function measureRow(
  carrier: RunningCarrier,
  measure: string,
  { seconds }: TunnelOptions,
): Promise<Readonly<Record<string, number>>> {
  if (measure === 'rtt') {
    const { p50Us, p99Us, lost } = await measureRoundTrip(carrier, pingCount)
    return { 'rtt.p50': p50Us, 'rtt.p99': p99Us, 'rtt.lost': lost }
  }
  if (measure.startsWith('udp')) {
    const { receivedPerSecond, offeredPerSecond } = await measureFlood(carrier, Number(measure.slice(3)), seconds)
    return { [`${measure}.received`]: receivedPerSecond / 1000, [`${measure}.offered`]: offeredPerSecond / 1000 }
  }
  const before = await receivedFrames(carrier.pair, 2)
  const figures = await measureStreams(carrier, Number(measure.slice(3)), seconds)
  const after = await receivedFrames(carrier.pair, 2)
  return {
    [`${measure}.gbit`]: figures.gbitPerSecond,
    [`${measure}.path`]: figures.pathCpuPerGb,
    [`${measure}.daemon`]: figures.daemonCpuPerGb,
    [`${measure}.machine`]: figures.machineCpuPerGb,
    [`${measure}.frameBytes`]: (after.bytes - before.bytes) / (after.frames - before.frames),
  }
}
