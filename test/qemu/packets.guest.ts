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
import type { Outcome } from '../packets/prober.ts'
import { defaultSettings, Proxies } from '../packets/proxies.ts'
import { askSctp, listenSctp } from '../packets/sctp.ts'
import { layout, rows, services } from '../packets/table.ts'
import { Testbed } from '../packets/testbed.ts'

/** What the test outside reads. Empty lists of complaints are good. */
export type GuestReport = {
  readonly table: readonly string[]
  readonly sctp: readonly string[]
  readonly again: { readonly isDisturbed: boolean; readonly changedServers: boolean }
  /** Lines of `ipvsadm --save` about endpoints that have left. */
  readonly leaving: { readonly tcp: readonly string[]; readonly udp: readonly string[] }
  readonly disturbance: { readonly isNoticed: boolean; readonly isRepaired: boolean }
  /** Of a scheduler that no kernel has. */
  readonly obstacle: string
  readonly hashed: { readonly table: readonly string[]; readonly server: string }
  /** Rows that do not hold after another mode took over, and what the earlier mode has left. */
  readonly takeovers: Readonly<Record<string, { readonly rows: readonly string[]; readonly rest: readonly string[] }>>
  readonly afterCleanUp: readonly string[]
}

const { signal } = new AbortController()
const since = systemClock.now()
const log = (what: string) => console.error(`${((systemClock.now() - since) / 1_000).toFixed(1)} s: ${what}`)
const cluster = { layout, services }
const objects = clusterObjects(layout, services)
const questions = questionsOf(rows, cluster)
const plain = questions.filter(({ protocol }) => protocol !== 'SCTP')
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

async function checkSctp(): Promise<readonly string[]> {
  const servers = listenSctp(bed, 'a2')
  const asked = questions.filter(({ protocol }) => protocol === 'SCTP')
  const outcomes: Outcome[] = []
  // The first are also what waits for the servers to be there.
  for (const question of asked) {
    let outcome: Outcome = { verdict: 'dropped' }
    for (let attempt = 0; attempt < 5 && outcome.verdict !== 'delivered'; attempt += 1) {
      outcome = await askSctp(bed, question, 10_000)
    }
    outcomes.push(outcome)
  }
  for (const server of servers) server.kill('SIGKILL')
  return judge(asked, outcomes, 'ipvs', cluster)
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

log('start')
const bed = await Testbed.open(layout, { workerFile: '/test/prober.worker.mjs', timeoutMs: 20_000 })
await bed.addPlainRoutes()
await bed.settle(120_000)
log('network')

const proxies = new Proxies(bed, 'ipvs')
await proxies.sync(objects, signal)
log('first sync')
const table = await check('ipvs', plain)
log('table')
const sctp = await checkSctp()
log('sctp')

const before = await savedServers()
const reborn = new Proxies(bed, 'ipvs', { only })
await reborn.sync(objects, signal)
const again = { isDisturbed: await reborn.isDisturbed(signal), changedServers: (await savedServers()) !== before }
log('restart')

// Connections of the table are still remembered by the kernel: their endpoint drains.
const tcpAddress = '10.96.0.10:80'
const udpAddress = `10.96.0.${10 + services.findIndex(({ name }) => name === 'udp')}:80`
await reborn.sync(clusterObjects(layout, without(['other-node', 'udp'], 'a2')), signal)
const left = (await savedServers()).split('\n')
const leaving = {
  tcp: left.filter((line) => line.includes(`-t ${tcpAddress} -r`)),
  udp: left.filter((line) => line.includes(`-u ${udpAddress} -r`)),
}
await reborn.sync(objects, signal)
log('leaving')

await bed.inside('node-1', 'ipvsadm', '--delete-service', '--tcp-service', tcpAddress)
const isNoticed = await reborn.isDisturbed(signal)
await reborn.forgetAndSync(objects, signal)
const disturbance = { isNoticed, isRepaired: sortedLines(await savedServers()) === sortedLines(before) }
log('disturbance')

const names = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh']
const tries = names.map((name) => `-A -t 198.51.100.0:20000 -s ${name}\n-D -t 198.51.100.0:20000\n`).join('')
await createIpvs({ namespace: bed.namespace('node-1') }).restore(tries, signal)
const withScheduler = (scheduler: string) =>
  new Proxies(bed, 'ipvs', { only, settings: { ...defaultSettings, ipvs: { ...defaultIpvsSettings, scheduler } } })
const obstacle = (await withScheduler('none-such').obstacle(signal)) ?? ''
log('schedulers')
const hashing = withScheduler('mh')
await hashing.sync(objects, signal)
const server = (await savedServers()).split('\n').find((line) => line.startsWith(`-A -t ${tcpAddress}`)) ?? ''
const hashed = { table: await check('ipvs', sample), server }
log('mh')

const takeovers: Record<string, GuestReport['takeovers'][string]> = {}
const iptables = new Proxies(bed, 'iptables', { only })
await iptables.sync(objects, signal)
await hashing.cleanUp(signal, 'iptables')
takeovers['iptables after ipvs'] = {
  rows: await check('iptables', sample),
  rest: await leftovers(/KUBE-IPVS|KUBE-NODE-PORT\b|KUBE-LOAD-BALANCER|-A -[tu] [^[]|^KUBE-(?!6-)/),
}
log('iptables after ipvs')
const last = new Proxies(bed, 'ipvs', { only })
await last.sync(objects, signal)
await iptables.cleanUp(signal, 'ipvs')
takeovers['ipvs after iptables'] = {
  rows: await check('ipvs', sample),
  rest: await leftovers(/KUBE-(SVC|SVL|SEP|EXT|FW)-|KUBE-EXTERNAL-SERVICES|KUBE-NODEPORTS/),
}
log('ipvs after iptables')
await new Proxies(bed, 'ipvs', { only: { ...only, family: 'ip6' } }).cleanUp(signal)
await last.cleanUp(signal)
const afterCleanUp = await leftovers(/KUBE-|kube-ipvs0|-A -[tu]/, ['ip6tables-save'])
log('clean')

const report: GuestReport = {
  ...{ table, sctp, again, leaving, disturbance, obstacle, hashed, takeovers, afterCleanUp },
}
console.log(JSON.stringify(report))
process.exit(0)

function sortedLines(text: string): string {
  return text.split('\n').toSorted().join('\n')
}
