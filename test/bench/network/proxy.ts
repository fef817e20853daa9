/** The rows about kube-proxy: Services in each mode and size, and NetworkPolicy. The cluster is a hollow one. */
import { readFile, writeFile } from 'node:fs/promises'
import { median } from '../statistics.ts'
import {
  addressIn,
  denyObject,
  nodeName,
  nodeObject,
  podObject,
  serviceObject,
  sliceObject,
} from './cluster-objects.ts'
import { HollowApi } from './hollow-api.ts'
import { etcdAddress, ip } from './pair.ts'
import { wallMs } from './probe.ts'
import { type Daemon, inNamespace, linesOf, memoryMbOf, output, self, startDaemon, until } from './process.ts'
import type { Report } from './report.ts'

export type ProxyBenchOptions = {
  readonly folder: string
  readonly modes: readonly string[]
  readonly sizes: readonly number[]
  /** Another kube-proxy with upstream's flags, measured beside ours. */
  readonly referenceProxy: string
  readonly rounds: number
}

const endpointsPerService = 10
/** A sync that takes longer is not worth waiting for; the report says so. */
const limitMs = 180_000
const nodeAddress = '192.0.2.2'
const [podA, podB] = ['10.200.1.8', '10.200.1.9'] as const

type Program = { readonly name: string; readonly command: readonly string[] }

/** Measures every mode at every size, ours first. */
export async function measureProxy(options: ProxyBenchOptions): Promise<Report> {
  const api = await HollowApi.open(etcdAddress)
  const notes: string[] = []
  const rows: (readonly [string, ...(number | string)[]])[] = []
  const programs: readonly Program[] = [
    { name: 'ours', command: [process.execPath, 'dist/kube-proxy.mjs'] },
    ...(options.referenceProxy === '' ? [] : [{ name: 'reference', command: [options.referenceProxy] }]),
  ]
  try {
    await writeFile(`${options.folder}/hollow.kubeconfig`, api.kubeconfig)
    for (const mode of options.modes) {
      for (const size of options.sizes) {
        for (const program of programs) {
          const name = `${program.name}, ${mode}, ${size}`
          const bed = await ProxyBed.open(api, options, program, mode, `proxy${rows.length + notes.length}`)
          try {
            rows.push([name, ...(await measureMode(bed, size, options.rounds, program.name === 'ours'))])
          } catch (error) {
            notes.push(`${name}: absent: ${error instanceof Error ? error.message : String(error)}`)
          } finally {
            await bed.close()
          }
        }
      }
    }
  } finally {
    api.close()
  }
  return { tables: [{ title: tableTitle, columns: tableColumns, rows }], notes }
}

const tableTitle = `kube-proxy: Services × ${endpointsPerService} endpoints (milliseconds, MB)`
const tableColumns = [
  'program, mode, Services',
  'start to synced',
  'first sync',
  'one change',
  'first packet',
  'policy shut',
  'policy open',
  'RSS MB',
  'peak',
]

async function measureMode(
  bed: ProxyBed,
  size: number,
  rounds: number,
  hasPolicy: boolean,
): Promise<readonly (number | string)[]> {
  fill(bed.api, size)
  const startMs = performance.now()
  bed.start()
  const first = await bed.untilSynced(0)
  const startToSynced = performance.now() - startMs
  const changes: number[] = []
  const packets: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    changes.push(await changeOne(bed, round))
    packets.push(await firstPacket(bed, size, round))
  }
  const policies = hasPolicy ? await policyTimes(bed, rounds) : ['-', '-']
  const memory = bed.memory()
  return [startToSynced, first.ms, median(changes), median(packets), ...policies, memory.nowMb, memory.peakMb]
}

function endpointsOf(index: number): readonly string[] {
  return Array.from({ length: endpointsPerService }, (_, at) => addressIn(10, 100, index * endpointsPerService + at))
}

function fill(api: HollowApi, size: number): void {
  api.clear()
  api.put('/api/v1/nodes', nodeObject(nodeAddress, '10.200.1.0/24'))
  api.put('/api/v1/namespaces', { metadata: { name: 'bench', labels: { 'kubernetes.io/metadata.name': 'bench' } } })
  for (const [name, address] of [
    ['a', podA],
    ['b', podB],
  ] as const)
    api.put('/api/v1/pods', podObject(name, address))
  for (let index = 0; index < size; index += 1) {
    const name = `service-${index}`
    api.put('/api/v1/services', serviceObject(name, addressIn(10, 96, 256 + index)))
    api.put('/apis/discovery.k8s.io/v1/endpointslices', sliceObject(name, endpointsOf(index)))
  }
}

/** Puts another endpoint in the place of one, and gives the time that the proxy says it took. */
async function changeOne(bed: ProxyBed, round: number): Promise<number> {
  await bed.quiet()
  const before = await bed.syncs()
  const [, ...rest] = endpointsOf(round)
  bed.api.put(
    '/apis/discovery.k8s.io/v1/endpointslices',
    sliceObject(`service-${round}`, [addressIn(10, 90, round), ...rest]),
  )
  return (await bed.untilSynced(before.count, before.ms)).ms
}

/**
 * From the event about a new Service until a connection to its address opens. Its endpoints are told before, so
 * that one sync brings it: two events in a row would measure the least time between two syncs.
 */
async function firstPacket(bed: ProxyBed, size: number, round: number): Promise<number> {
  const address = addressIn(10, 96, 256 + size + round)
  const name = `new-${round}`
  bed.api.put('/apis/discovery.k8s.io/v1/endpointslices', sliceObject(name, [podB]))
  // Let the least time between two syncs pass: it is the configuration's, not the proxy's.
  await bed.quiet()
  const opened = bed.probe(podA, address, 80, 'open')
  await opened.ready
  const startMs = wallMs()
  bed.api.put('/api/v1/services', serviceObject(name, address))
  return (await opened.atMs) - startMs
}

/** From the event about a policy until packets stop, and from its end until they go again. */
async function policyTimes(bed: ProxyBed, rounds: number): Promise<readonly [number, number]> {
  const shut: number[] = []
  const open: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const policy = denyObject('b')
    await bed.quiet()
    const shutting = bed.probe(podA, podB, 8080, 'shut')
    await shutting.ready
    const startMs = wallMs()
    bed.api.put('/apis/networking.k8s.io/v1/networkpolicies', policy)
    shut.push((await shutting.atMs) - startMs)
    await bed.quiet()
    const opening = bed.probe(podA, podB, 8080, 'open')
    await opening.ready
    const endMs = wallMs()
    bed.api.remove('/apis/networking.k8s.io/v1/networkpolicies', policy)
    open.push((await opening.atMs) - endMs)
  }
  return [median(shut), median(open)]
}

type Syncs = { readonly count: number; readonly ms: number }

/** A node with two pods, and a proxy on it. */
class ProxyBed {
  readonly api: HollowApi
  readonly #node: string
  readonly #command: readonly string[]
  readonly #log: string
  readonly #daemons: Daemon[] = []
  #proxy: Daemon | undefined

  private constructor(api: HollowApi, node: string, command: readonly string[], log: string) {
    this.api = api
    this.#node = node
    this.#command = command
    this.#log = log
  }

  static async open(
    api: HollowApi,
    { folder }: ProxyBenchOptions,
    { command }: Program,
    mode: string,
    node: string,
  ): Promise<ProxyBed> {
    await addNode(node)
    const flags = [
      `--kubeconfig=${folder}/hollow.kubeconfig`,
      `--hostname-override=${nodeName}`,
      `--proxy-mode=${mode}`,
      '--cluster-cidr=10.200.0.0/16',
      // Limits of the whole machine are not this bench's to set.
      '--conntrack-max-per-core=0',
      '--conntrack-min=0',
      '--metrics-bind-address=0.0.0.0:10249',
    ]
    const bed = new ProxyBed(api, node, [...command, ...flags], `${folder}/${node}.log`)
    bed.#daemons.push(startDaemon(inNamespace(`${node}-b`, [...self(), '--listen', '8080'])))
    return bed
  }

  start(): void {
    this.#proxy = startDaemon(inNamespace(this.#node, this.#command), { logFile: this.#log })
  }

  /** What the proxy says of its syncs so far. */
  async syncs(): Promise<Syncs> {
    return parseSyncs(await (await fetch(`http://${nodeAddress}:10249/metrics`)).text())
  }

  /** Waits for one sync more than `count`; its milliseconds are what was added since `beforeMs`. */
  async untilSynced(count: number, beforeMs = 0): Promise<Syncs> {
    const synced = await until(
      'a sync',
      async () => {
        if (this.#proxy?.isAlive() !== true) return 'ended' as const
        const now = await this.syncs()
        return now.count > count ? now : undefined
      },
      limitMs,
    )
    if (synced === 'ended') throw new Error(await this.#lastWords())
    return { count: synced.count, ms: synced.ms - beforeMs }
  }

  async #lastWords(): Promise<string> {
    const lines = (await readFile(this.#log, 'utf8')).trim().split('\n')
    return (lines.findLast((line) => /error|fail|not |kernel|ipvs/i.test(line)) ?? lines.at(-1) ?? '').slice(0, 400)
  }

  /** Longer than the least time between two syncs. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1_500))
  }

  memory(): { readonly nowMb: number; readonly peakMb: number } {
    return memoryMbOf(this.#proxy?.pid ?? 0) ?? { nowMb: Number.NaN, peakMb: Number.NaN }
  }

  /** Starts to knock from a pod; `ready` when it does, `atMs` when it has seen what it waits for. */
  probe(
    from: string,
    address: string,
    port: number,
    state: 'open' | 'shut',
  ): { readonly ready: Promise<unknown>; readonly atMs: Promise<number> } {
    const pod = `${this.#node}-${from === podA ? 'a' : 'b'}`
    const lines = linesOf(inNamespace(pod, [...self(), '--probe', `${state}:${address}:${port}`]))
    const ready = lines.next()
    return { ready, atMs: ready.then(async () => Number((await lines.next()).value)) }
  }

  async close(): Promise<void> {
    await this.#proxy?.stop()
    for (const daemon of this.#daemons) await daemon.stop()
    for (const name of [`${this.#node}-a`, `${this.#node}-b`, this.#node]) await ip([`netns delete ${name}`])
  }
}

/** Makes a node that reaches the API, with two pods on a bridge. */
async function addNode(node: string): Promise<void> {
  await ip([`netns add ${node}`, `netns add ${node}-a`, `netns add ${node}-b`])
  await ip([`link add ${node} type veth peer name ctl netns ${node}`, `link set ${node} master control up`])
  await ip(
    [
      'link set lo up',
      `address add ${nodeAddress}/24 dev ctl`,
      'link set ctl up',
      // Addresses of Services need a route before they are translated.
      `route add default via ${etcdAddress}`,
      'link add cni0 type bridge',
      'address add 10.200.1.1/24 dev cni0',
      'link set cni0 up',
    ],
    node,
  )
  for (const [pod, address] of [
    [`${node}-a`, podA],
    [`${node}-b`, podB],
  ] as const) {
    const device = `pod${pod.slice(-1)}`
    await ip([`link add ${device} type veth peer name eth0 netns ${pod}`, `link set ${device} master cni0 up`], node)
    const commands = ['link set lo up', `address add ${address}/24 dev eth0`, 'link set eth0 up']
    await ip([...commands, 'route add default via 10.200.1.1'], pod)
  }
  await output(inNamespace(node, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']))
}

/** Reads how many syncs there were and how long they took together. */
export function parseSyncs(metrics: string): Syncs {
  const value = (suffix: string): number => {
    const lines = metrics.matchAll(
      new RegExp(`^kubeproxy_sync_proxy_rules_duration_seconds_${suffix}(?:{[^}]*})? (\\S+)$`, 'gm'),
    )
    return [...lines].reduce((sum, [, text]) => sum + Number(text), 0)
  }
  return { count: value('count'), ms: value('sum') * 1000 }
}
