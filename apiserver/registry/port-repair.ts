/**
 * Puts the given-out node ports in line with the Services: ports that a crash left behind are free again after a few looks,
 * ports that a Service has but nobody gave out are taken. Source: upstream's `portallocator/controller/repair.go`.
 */
import type { Service } from '../../api/core/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { PortRange } from './port-range.ts'
import type { ObjectReader } from './reader.ts'
import type { Finding, ReportFinding } from './repair-events.ts'
import { kinds, readAll } from './typed-reader.ts'

/** Source: `repairLoopInterval`. */
const everyMs = 3 * 60_000
const retryMs = 1_000
/** A port may belong to a Service that is about to be stored. Source: `numRepairsBeforeLeakCleanup`. */
const looksBeforeCleanup = 3

export type PortRepairPlan = {
  /** What is given out from now on. */
  readonly ports: ReadonlySet<number>
  /** How often each leaked port has yet to be seen before it is free. */
  readonly leaks: ReadonlyMap<number, number>
  readonly findings: readonly Finding[]
}

/** Compares what is given out with what Services have. Pure. */
export function planPortRepair(
  services: readonly Service[],
  given: ReadonlySet<number>,
  leaks: ReadonlyMap<number, number>,
  range: string,
): PortRepairPlan {
  const [low = 0, high = 0] = range.split('-').map(Number)
  const ports = new Set<number>()
  const findings: Finding[] = []
  for (const service of services) {
    for (const port of portsOf(service)) {
      const found = problemOf(port, { isTaken: ports.has(port), isInRange: port >= low && port <= high }, given, range)
      if (port >= low && port <= high) ports.add(port)
      if (found !== undefined) findings.push({ ...found, regarding: asObject(service), action: 'PortAllocation' })
    }
  }
  const stillLeaked = new Map<number, number>()
  for (const port of given) {
    if (ports.has(port)) continue
    const left = leaks.get(port) ?? looksBeforeCleanup - 1
    if (left > 0) stillLeaked.set(port, left - 1)
  }
  const waiting = [...given].filter((port) => !ports.has(port) && stillLeaked.has(port))
  return { ports: new Set([...ports, ...waiting]), leaks: stillLeaked, findings }
}

function problemOf(
  port: number,
  { isTaken, isInRange }: { readonly isTaken: boolean; readonly isInRange: boolean },
  given: ReadonlySet<number>,
  range: string,
): Pick<Finding, 'reason' | 'note'> | undefined {
  if (!isInRange) {
    const note = `Port ${port} is not within the port range ${range}; please recreate service`
    return { reason: 'PortOutOfRange', note }
  }
  if (isTaken) {
    const note = `Port ${port} was assigned to multiple services; please recreate service`
    return { reason: 'PortAlreadyAllocated', note }
  }
  if (given.has(port)) return undefined
  return { reason: 'PortNotAllocated', note: `Port ${port} is not allocated; repairing` }
}

/** One port for several protocols counts once; twice for one protocol counts twice. */
function portsOf({ spec }: Service): readonly number[] {
  const seen = new Map<number, Set<string>>()
  const found: number[] = []
  for (const { nodePort = 0, protocol = 'TCP' } of spec.ports ?? []) {
    if (nodePort === 0) continue
    const protocols = seen.get(nodePort)
    if (protocols === undefined || protocols.has(protocol)) found.push(nodePort)
    seen.set(nodePort, new Set([...(protocols ?? []), protocol]))
  }
  const health = spec.healthCheckNodePort ?? 0
  return health === 0 ? found : [...found, health]
}

function asObject(service: Service): Finding['regarding'] {
  return { kind: 'Service', apiVersion: 'v1', metadata: service.metadata }
}

export type PortRepairOptions = {
  readonly ports: PortRange
  readonly range: string
  readonly reader: ObjectReader
  readonly fresh: () => Promise<unknown>
  readonly clock: Clock
  readonly report: ReportFinding
  readonly onError: (error: unknown) => void
  /** Told after the first complete look. */
  readonly onDone: () => void
}

/** Looks now and then until `signal` aborts. */
export async function runPortRepair(options: PortRepairOptions, signal: AbortSignal): Promise<void> {
  const { ports, range, reader, fresh, clock, report, onError, onDone } = options
  let leaks: ReadonlyMap<number, number> = new Map()
  for (;;) {
    try {
      let plan: PortRepairPlan | undefined
      await ports.repair(
        (given) => {
          plan = planPortRepair(readAll(reader, kinds.services), given, leaks, range)
          return plan.ports
        },
        fresh,
        signal,
      )
      leaks = plan?.leaks ?? leaks
      for (const finding of plan?.findings ?? []) await report(finding, signal)
      onDone()
    } catch (error) {
      signal.throwIfAborted()
      onError(error)
      await clock.sleep(retryMs, signal)
      continue
    }
    await clock.sleep(everyMs, signal)
  }
}
