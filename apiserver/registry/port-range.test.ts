import { describe, expect, it } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { decodeBits, encodeBits, PortRange, portRangeKey } from './port-range.ts'
import { planPortRepair } from './port-repair.ts'

const never = new AbortController().signal
const range = '30000-30010'

describe('encodeBits()', () => {
  it.each<[readonly number[], string]>([
    [[], ''],
    [[0], 'AQ=='],
    [[8], 'AQA='],
    [[0, 1, 15], 'gAM='],
  ])('writes %j as Go writes a big number', (bits, data) => {
    expect(encodeBits(new Set(bits))).toBe(data)
    expect([...decodeBits(data)].toSorted((a, b) => a - b)).toEqual(bits)
  })
})

describe('PortRange', () => {
  it('gives each port to one of two servers', async () => {
    const storage = createMemoryStorage()
    const [one, two] = [new PortRange(storage, range), new PortRange(storage, range)]
    expect(await one.claim([30000, 30001], never)).toEqual([])
    expect(await two.claim([30001, 30002], never)).toEqual([30001])
    expect(await two.claim([30002], never)).toEqual([])
    expect(await one.claim([30002], never)).toEqual([30002])
    await two.release([30002], never)
    expect(await one.claim([30002], never)).toEqual([])
  })

  it('gives each port once when all ask at the same time', async () => {
    const storage = createMemoryStorage()
    const servers = [new PortRange(storage, range), new PortRange(storage, range), new PortRange(storage, range)]
    const lost = await Promise.all(servers.map(async (server) => await server.claim([30005], never)))
    expect(lost.filter((ports) => ports.length === 0)).toHaveLength(1)
  })

  it('stores what upstream stores', async () => {
    const storage = createMemoryStorage()
    await new PortRange(storage, range).claim([30000, 30009], never)
    const stored = await storage.get(portRangeKey, never)
    expect(JSON.parse(stored?.value.toString() ?? '')).toEqual({
      kind: 'RangeAllocation',
      apiVersion: 'v1',
      metadata: {},
      range,
      data: 'AgE=',
    })
  })
})

describe('planPortRepair()', () => {
  const service = (name: string, ...nodePorts: readonly number[]): Service =>
    ({
      metadata: { name, namespace: 'ns' },
      spec: { ports: nodePorts.map((nodePort) => ({ port: 80, nodePort, protocol: 'TCP' })) },
    }) as unknown as Service
  const reasons = (services: readonly Service[], given: readonly number[]): readonly string[] =>
    planPortRepair(services, new Set(given), new Map(), range).findings.map(({ reason }) => reason)

  it.each<[string, readonly Service[], readonly number[], readonly string[]]>([
    ['has nothing to say when all is right', [service('a', 30000)], [30000], []],
    ['names a port that nobody gave out', [service('a', 30000)], [], ['PortNotAllocated']],
    ['names a port of two Services', [service('a', 30000), service('b', 30000)], [30000], ['PortAlreadyAllocated']],
    ['names a port outside of the range', [service('a', 31000)], [], ['PortOutOfRange']],
  ])('%s', (_, services, given, expected) => {
    expect(reasons(services, given)).toEqual(expected)
  })

  it('frees a leaked port at the third look', () => {
    let leaks: ReadonlyMap<number, number> = new Map()
    const left: boolean[] = []
    for (let look = 1; look <= 3; look++) {
      const plan = planPortRepair([], new Set([30003]), leaks, range)
      leaks = plan.leaks
      left.push(plan.ports.has(30003))
    }
    expect(left).toEqual([true, true, false])
  })
})
