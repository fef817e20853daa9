/**
 * Runs inside the machine: the table of packets in mode ipvs, and what tables cannot show: restarts, leaving endpoints, schedulers, other
 * modes taking over. Prints one line of JSON; the test outside judges it.
 */
import { systemClock } from '../../component-base/clock.ts'
import { defaultIpvsSettings } from '../../kube-proxy/ipvs/settings.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import { describeRefusal, type IpvsOperation, type VirtualServer } from '../../netfilter/ipvs.ts'
import { createIpvs } from '../../netfilter/ipvs-kernel.ts'
import { ask, type Patience } from '../packets/ask.ts'
import { addressesOf, type ClusterObjects, clusterObjects, type PacketService } from '../packets/cluster.ts'
import { expectedOf, judge, type Question, questionsOf } from '../packets/judge.ts'
import { defaultSettings, Proxies } from '../packets/proxies.ts'
import { layout, rows, services } from '../packets/table.ts'
import { Testbed } from '../packets/testbed.ts'
import { HeldConnection } from './held-connection.ts'

/** What the test outside reads. Empty lists of complaints are good; what is not there failed, and `failures` says why. */
export type GuestReport = {
  readonly failures: string[]
  table?: readonly string[]
  /** Associations of SCTP that the kernel of a pod has accepted: raw packets are none. */
  associations?: number
  again?: { readonly isDisturbed: boolean; readonly changedServers: boolean }
  /** Lines of `ipvsadm --save` about endpoints that have left. */
  leaving?: { readonly tcp: readonly string[]; readonly connection: string; readonly udp: readonly string[] }
  disturbance?: { readonly isNoticed: boolean; readonly isRepaired: boolean }
  schedulers?: { readonly refused: readonly string[]; readonly obstacle: string }
  hashed?: { readonly table: readonly string[]; readonly server: string }
  /** What befell an open connection when another mode took over, rows that do not hold then, and what the earlier mode has left. */
  readonly takeovers: Record<string, Takeover>
  afterCleanUp?: readonly string[]
}
type Takeover = {
  readonly connection: readonly string[]
  readonly rows: readonly string[]
  readonly rest: readonly string[]
}

const { signal } = new AbortController()
const since = systemClock.now()
const log = (what: string) => console.error(`${((systemClock.now() - since) / 1_000).toFixed(1)} s: ${what}`)
const cluster = { layout, services }
const objects = clusterObjects(layout, services)
const questions = questionsOf(rows, cluster)
/** What the table does not need both nodes and families for. */
const only = { node: 'node-1', family: 'ip' } as const
/** Rows that meet every kind of rule of that node, and of no other. */
const sample = questions.filter(
  ({ row, family }) =>
    family === 'IPv4' &&
    row.repeat === undefined &&
    ['a1', 'b1', 'node-1', 'client'].includes(row.from) &&
    row.to.type !== 'machine' &&
    (row.to.type !== 'nodePort' || row.to.on !== 'node-2'),
)
/**
 * For mode ipvs before another takes over: what is dropped behind IPVS stays in its table as half a connection, for which clean-up would wait
 * a minute.
 */
const answered = sample.filter(({ row }) => expectedOf(row, 'ipvs').verdict !== 'dropped')
/** The machine is emulated, and the one below may be busy. */
const patience: Patience = { answerMs: 120_000, silenceMs: 8_000, atOnce: 40 }

async function check(mode: ModeName, asked: readonly Question[]): Promise<readonly string[]> {
  return judge(asked, await ask(bed, asked, mode, patience), mode, cluster)
}

const savedServers = async () => await bed.inside('node-1', 'ipvsadm', '--save', '--numeric')
const without = (names: readonly string[], pod: string): readonly PacketService[] =>
  services.map((each) =>
    names.includes(each.name) ? { ...each, endpoints: each.endpoints.filter((endpoint) => endpoint !== pod) } : each,
  )

/** Everything on node-1 that bears a name of kube-proxy. */
async function leftovers(pattern: RegExp, more: readonly string[] = []): Promise<readonly string[]> {
  const commands = [
    ['iptables-save'],
    ...more.map((each) => each.split(' ')),
    ['ipset', 'list', '-name'],
    ['ip', 'link'],
    ['ipvsadm', '-Sn'],
  ]
  const texts: string[] = []
  for (const [file = '', ...args] of commands) texts.push(await bed.inside('node-1', file, ...args))
  return texts.flatMap((text) => text.split('\n')).filter((line) => pattern.test(line))
}

const report: GuestReport = { failures: [], takeovers: {} }

/** What fails is told; the others go on. */
async function stage(name: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => report.failures.push(`${name}: ${String(error)}`))
  log(name)
}

function sortedLines(text: string): string {
  return text.split('\n').toSorted().join('\n')
}

const tcpAddress = '10.96.0.10:80'
const udpAddress = `10.96.0.${10 + services.findIndex(({ name }) => name === 'udp')}:80`
const heldName = 'held'
const heldPort = 9_000
/** All Services, and one more whose endpoint echoes lines. */
function withHeld(endpoints: readonly string[], others = services): ClusterObjects {
  const all = clusterObjects(layout, [...others, { name: heldName, endpoints }])
  const slices = all.slices.map((slice) =>
    slice.metadata.labels?.['kubernetes.io/service-name'] === heldName
      ? { ...slice, ports: (slice.ports ?? []).map((port) => ({ ...port, port: heldPort })) }
      : slice,
  )
  return { ...all, slices }
}
const heldAddress = `${addressesOf([...services, { name: heldName, endpoints: [] }], heldName).clusterIps.IPv4}:80`
const openHeld = async () =>
  await HeldConnection.open({
    ...{ from: bed.namespace('b1'), to: bed.namespace('a2'), port: heldPort, address: heldAddress },
  })

function tryScheduler(scheduler: string): readonly IpvsOperation[] {
  const address = '198.51.100.0:20000'
  const key = `tcp ${address}`
  const more = { schedulerFlags: '', persistentSeconds: 0, realServers: new Map() }
  const server: VirtualServer = { protocol: 'tcp', address, scheduler, ...more }
  return [
    { type: 'addServer', key, server },
    { type: 'deleteServer', key },
  ]
}

const withScheduler = (scheduler: string) =>
  new Proxies(bed, 'ipvs', { only, settings: { ...defaultSettings, ipvs: { ...defaultIpvsSettings, scheduler } } })

log('start')
const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 20_000 })
await bed.addPlainRoutes()
await bed.settle(120_000)
log('network')

await stage('first sync', async () => void (await new Proxies(bed, 'ipvs').sync(objects, signal)))
await stage('table', async () => {
  report.table = await check('ipvs', questions)
  const counters = await bed.inside('a2', 'busybox', 'cat', '/proc/net/sctp/snmp')
  report.associations = Number(/SctpPassiveEstabs\s+(\d+)/.exec(counters)?.[1])
})

const before = await savedServers()
const reborn = new Proxies(bed, 'ipvs', { only })
await stage('restart', async () => {
  await reborn.sync(objects, signal)
  report.again = { isDisturbed: await reborn.isDisturbed(signal), changedServers: (await savedServers()) !== before }
})
await stage('leaving', async () => {
  await reborn.sync(withHeld(['a2']), signal)
  const connection = await openHeld()
  try {
    await reborn.sync(withHeld([], without(['udp'], 'a2')), signal)
    const left = (await savedServers()).split('\n')
    report.leaving = {
      tcp: left.filter((line) => line.includes(`-t ${heldAddress} -r`)),
      connection: (await connection.complaint()) ?? 'open',
      udp: left.filter((line) => line.includes(`-u ${udpAddress} -r`)),
    }
  } finally {
    connection.close()
  }
  await reborn.sync(objects, signal)
})
await stage('disturbance', async () => {
  await bed.inside('node-1', 'ipvsadm', '--delete-service', '--tcp-service', tcpAddress)
  const isNoticed = await reborn.isDisturbed(signal)
  await reborn.forgetAndSync(objects, signal)
  report.disturbance = { isNoticed, isRepaired: sortedLines(await savedServers()) === sortedLines(before) }
})
await stage('schedulers', async () => {
  const names = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh']
  const refusals = await createIpvs({ namespace: bed.namespace('node-1') }).apply(names.flatMap(tryScheduler), signal)
  const obstacle = (await withScheduler('none-such').obstacle(signal)) ?? ''
  report.schedulers = { refused: refusals.map(describeRefusal), obstacle }
})
const hashing = withScheduler('mh')
await stage('mh', async () => {
  await hashing.sync(objects, signal)
  const server = (await savedServers()).split('\n').find((line) => line.startsWith(`-A -t ${tcpAddress}`)) ?? ''
  report.hashed = { table: await check('ipvs', answered), server }
})

/** Names of what only the mode has that gave way. */
const residueOf = {
  ipvs: /KUBE-IPVS|KUBE-NODE-PORT\b|KUBE-LOAD-BALANCER|kube-proxy firewall|-A -[tu] [^[]|^KUBE-(?!6-)/,
  iptables: /KUBE-(SVC|SVL|SEP|EXT|FW)-|KUBE-EXTERNAL-SERVICES|KUBE-NODEPORTS|load balancer firewall/,
  nftables: /table ip kube-proxy/,
} as const
/** One mode in the other's place while a connection is open: it lives on, and when it has ended nothing is left of the earlier mode. */
async function takeOver(
  from: Proxies,
  earlier: keyof typeof residueOf,
  mode: ModeName,
  asked = sample,
): Promise<Proxies> {
  const to = new Proxies(bed, mode, { only })
  const name = `${mode} after ${earlier}` as const
  await stage(name, async () => {
    await from.sync(withHeld(['a2']), signal)
    const connection = await openHeld()
    const complaints: string[] = []
    const listen = async (when: string) => {
      const complaint = await connection.complaint()
      if (complaint !== undefined) complaints.push(`${when}: ${complaint}`)
    }
    try {
      await to.sync(withHeld(['a2']), signal)
      await listen('with both')
      await from.cleanUp(signal, mode)
      await listen('with one')
    } finally {
      connection.close()
    }
    const endMs = systemClock.now() + patience.answerMs
    // Nobody waits for the kernel to see the end of the connection.
    while (!(await from.cleanUp(signal, mode)) && systemClock.now() < endMs) await systemClock.sleep(1_000, signal)
    const rest = await leftovers(residueOf[earlier], earlier === 'nftables' ? ['nft list tables'] : [])
    report.takeovers[name] = { connection: complaints, rows: await check(mode, asked), rest }
  })
  return to
}

const iptables = await takeOver(hashing, 'ipvs', 'iptables')
const second = await takeOver(iptables, 'iptables', 'ipvs', answered)
const nftables = await takeOver(second, 'ipvs', 'nftables')
const last = await takeOver(nftables, 'nftables', 'ipvs')
await stage('clean-up', async () => {
  await new Proxies(bed, 'ipvs', { only: { ...only, family: 'ip6' } }).cleanUp(signal)
  await last.cleanUp(signal)
  // KUBE-FIREWALL stays: the kubelet has it too.
  report.afterCleanUp = await leftovers(/KUBE-(?!FIREWALL)|kube-ipvs0|-A -[tu]/, ['ip6tables-save'])
})
console.log(JSON.stringify(report))
process.exit(0)
