/**
 * Runs inside the machine: the table of packets in mode ipvs, and what tables cannot show: restarts, leaving endpoints, schedulers, other
 * modes taking over. Prints one line of JSON; the test outside judges it.
 */
import { systemClock } from '../../component-base/clock.ts'
import { defaultIpvsSettings } from '../../kube-proxy/ipvs/settings.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import { createIpvs } from '../../netfilter/ipvs-command.ts'
import { ask, type Patience } from '../packets/ask.ts'
import { clusterObjects, type PacketService } from '../packets/cluster.ts'
import { judge, type Question, questionsOf } from '../packets/judge.ts'
import { defaultSettings, Proxies } from '../packets/proxies.ts'
import { layout, rows, services } from '../packets/table.ts'
import { Testbed } from '../packets/testbed.ts'

/** What the test outside reads. Empty lists of complaints are good; what is not there failed, and `failures` says why. */
export type GuestReport = {
  readonly failures: string[]
  table?: readonly string[]
  again?: { readonly isDisturbed: boolean; readonly changedServers: boolean }
  /** Lines of `ipvsadm --save` about endpoints that have left. */
  leaving?: { readonly tcp: readonly string[]; readonly udp: readonly string[] }
  disturbance?: { readonly isNoticed: boolean; readonly isRepaired: boolean }
  schedulers?: { readonly refused: readonly string[]; readonly obstacle: string }
  hashed?: { readonly table: readonly string[]; readonly server: string }
  /** Rows that do not hold after another mode took over, and what the earlier mode has left. */
  iptablesAfterIpvs?: Takeover
  ipvsAfterIptables?: Takeover
  afterCleanUp?: readonly string[]
}
type Takeover = { readonly rows: readonly string[]; readonly rest: readonly string[] }

const { signal } = new AbortController()
const since = systemClock.now()
const log = (what: string) => console.error(`${((systemClock.now() - since) / 1_000).toFixed(1)} s: ${what}`)
const cluster = { layout, services }
const objects = clusterObjects(layout, services)
// Node has no sockets for SCTP.
const plain = questionsOf(rows, cluster).filter(({ protocol }) => protocol !== 'SCTP')
/** What the table does not need both nodes and families for. */
const only = { node: 'node-1', family: 'ip' } as const
/** Rows that meet every kind of rule of that node, and of no other. */
const sample = plain.filter(
  ({ row, family }) =>
    family === 'IPv4' &&
    row.repeat === undefined &&
    ['a1', 'b1', 'node-1', 'client'].includes(row.from) &&
    row.to.type !== 'machine' &&
    (row.to.type !== 'nodePort' || row.to.on !== 'node-2'),
)
/** The machine is emulated, and the one below may be busy. */
const patience: Patience = { answerMs: 60_000, silenceMs: 8_000, atOnce: 40 }

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
    ...more.map((each) => [each]),
    ['ipset', 'list', '-name'],
    ['ip', 'link'],
    ['ipvsadm', '-Sn'],
  ]
  const texts: string[] = []
  for (const [file = '', ...args] of commands) texts.push(await bed.inside('node-1', file, ...args))
  return texts.flatMap((text) => text.split('\n')).filter((line) => pattern.test(line))
}

const report: GuestReport = { failures: [] }

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
const withScheduler = (scheduler: string) =>
  new Proxies(bed, 'ipvs', { only, settings: { ...defaultSettings, ipvs: { ...defaultIpvsSettings, scheduler } } })

log('start')
const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 20_000 })
await bed.addPlainRoutes()
await bed.settle(120_000)
log('network')

await stage('first sync', async () => void (await new Proxies(bed, 'ipvs').sync(objects, signal)))
await stage('table', async () => {
  report.table = await check('ipvs', plain)
})

const before = await savedServers()
const reborn = new Proxies(bed, 'ipvs', { only })
await stage('restart', async () => {
  await reborn.sync(objects, signal)
  report.again = { isDisturbed: await reborn.isDisturbed(signal), changedServers: (await savedServers()) !== before }
})
await stage('leaving', async () => {
  // Connections of the table are still remembered by the kernel: their endpoint drains.
  await reborn.sync(clusterObjects(layout, without(['other-node', 'udp'], 'a2')), signal)
  const left = (await savedServers()).split('\n')
  report.leaving = {
    tcp: left.filter((line) => line.includes(`-t ${tcpAddress} -r`)),
    udp: left.filter((line) => line.includes(`-u ${udpAddress} -r`)),
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
  const tries = names.map((name) => `-A -t 198.51.100.0:20000 -s ${name}\n-D -t 198.51.100.0:20000\n`).join('')
  const refused = await createIpvs({ namespace: bed.namespace('node-1') }).restore(tries, signal)
  report.schedulers = { refused, obstacle: (await withScheduler('none-such').obstacle(signal)) ?? '' }
})
const hashing = withScheduler('mh')
await stage('mh', async () => {
  await hashing.sync(objects, signal)
  const server = (await savedServers()).split('\n').find((line) => line.startsWith(`-A -t ${tcpAddress}`)) ?? ''
  report.hashed = { table: await check('ipvs', sample), server }
})

const iptables = new Proxies(bed, 'iptables', { only })
await stage('iptables after ipvs', async () => {
  await iptables.sync(objects, signal)
  await hashing.cleanUp(signal, 'iptables')
  const rest = await leftovers(
    /KUBE-IPVS|KUBE-NODE-PORT\b|KUBE-LOAD-BALANCER|kube-proxy firewall|-A -[tu] [^[]|^KUBE-(?!6-)/,
  )
  report.iptablesAfterIpvs = { rows: await check('iptables', sample), rest }
})
const last = new Proxies(bed, 'ipvs', { only })
await stage('ipvs after iptables', async () => {
  await last.sync(objects, signal)
  await iptables.cleanUp(signal, 'ipvs')
  const rest = await leftovers(
    /KUBE-(SVC|SVL|SEP|EXT|FW)-|KUBE-EXTERNAL-SERVICES|KUBE-NODEPORTS|load balancer firewall/,
  )
  report.ipvsAfterIptables = { rows: await check('ipvs', sample), rest }
})
await stage('clean-up', async () => {
  await new Proxies(bed, 'ipvs', { only: { ...only, family: 'ip6' } }).cleanUp(signal)
  await last.cleanUp(signal)
  // KUBE-FIREWALL stays: the kubelet has it too.
  report.afterCleanUp = await leftovers(/KUBE-(?!FIREWALL)|kube-ipvs0|-A -[tu]/, ['ip6tables-save'])
})
console.log(JSON.stringify(report))
process.exit(0)
