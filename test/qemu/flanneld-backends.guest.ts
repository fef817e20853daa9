/**
 * Runs inside the machine: two hosts with a pod each, and flanneld's ipip and wireguard backends between them. Prints
 * what was seen as one line of JSON; the test outside judges it.
 *
 *   pod 1 ── host 1 ─ eth0 ══ eth0 ─ host 2 ── pod 2
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { systemClock } from '../../component-base/clock.ts'

const execute = promisify(execFile)
const { signal } = new AbortController()
const since = process.hrtime.bigint()
const log = (what: string): void =>
  console.error(`${(Number(process.hrtime.bigint() - since) / 1e9).toFixed(1)} s: ${what}`)

async function attempt(file: string, ...args: readonly string[]): Promise<string> {
  return await execute(file, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout?: string; stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`,
  )
}

async function batch(namespace: string, ...lines: readonly string[]): Promise<void> {
  const child = execute('ip', ['-n', namespace, '-batch', '-'])
  child.child.stdin?.end(`${lines.join('\n')}\n`)
  await child
}

/** The machine is emulated, and the one below may be busy. */
const limitMs = 300_000

async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.now() + limitMs
  while (systemClock.now() < end) {
    if (await probe()) return
    await systemClock.sleep(50, signal)
  }
  throw new Error(`waited for ${what}`)
}

async function inside(namespace: string, ...command: readonly string[]): Promise<string> {
  return await attempt('ip', 'netns', 'exec', namespace, ...command)
}

async function setUp(): Promise<void> {
  for (const name of ['h1', 'h2', 'p1', 'p2']) await attempt('ip', 'netns', 'add', name)
  await attempt('ip', '-n', 'h1', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', 'h2')
  for (const index of [1, 2]) {
    const [host, pod] = [`h${index}`, `p${index}`]
    await batch(
      host,
      'link set lo up',
      `address add 172.29.0.${index}/24 dev eth0`,
      `address add fd29::${index}/64 dev eth0 nodad`,
      'link set eth0 up',
      `link add veth1 type veth peer name eth0 netns ${pod}`,
      `address add 10.244.${index}.1/24 dev veth1`,
      `address add fd00:244:0:${index}::1/64 dev veth1 nodad`,
      'link set veth1 up',
    )
    await batch(
      pod,
      `address add 10.244.${index}.9/24 dev eth0`,
      `address add fd00:244:0:${index}::9/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via 10.244.${index}.1`,
      `route add default via fd00:244:0:${index}::1`,
    )
    await inside(host, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  }
}

const dual = { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:244::/48' }
const single = { Network: '10.244.0.0/16' }
const psk = 'FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE='
const phases: readonly (readonly [string, object])[] = [
  ['ipip', { ...single, Backend: { Type: 'ipip' } }],
  ['direct', { ...single, Backend: { Type: 'ipip', DirectRouting: true } }],
  ['separate', { ...dual, Backend: { Type: 'wireguard', PSK: psk, PersistentKeepaliveInterval: 25 } }],
  ['ipv6', { ...dual, Backend: { Type: 'wireguard', Mode: 'ipv6', ListenPort: 5000 } }],
]

/** A host that goes through the phases from one on. */
function startHost(index: number, from = 0): ChildProcess {
  const args = [String(index), String(3 - index), JSON.stringify(phases.slice(from))]
  const command = ['netns', 'exec', `h${index}`, process.execPath, '/test/flanneld-host.worker.mjs', ...args]
  return spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function untilBoth(what: string, phase: string): Promise<void> {
  await until(`${what} ${phase}`, () => [1, 2].every((index) => existsSync(`/tmp/${what}-${phase}-${index}`)))
  log(`${what} ${phase}`)
}

async function endPhase(phase: string): Promise<void> {
  writeFileSync(`/tmp/end-${phase}`, '')
  await untilBoth('ended', phase)
}

async function reaches(address: string): Promise<boolean> {
  const ping = address.includes(':') ? 'ping6' : 'ping'
  for (let round = 0; round < 5; round += 1) {
    const text = await inside('p1', 'busybox', ping, '-c', '1', '-W', '3', address)
    if (text.includes('1 packets received')) return true
  }
  return false
}

const ipv4 = '10.244.2.9'
const ipv6 = 'fd00:244:0:2::9'

async function ipip(): Promise<object> {
  await untilBoth('ready', 'ipip')
  const isReached = await reaches(ipv4)
  const link = await inside('h1', 'ip', '-d', 'link', 'show', 'flannel.ipip')
  const routes = await inside('h1', 'ip', '-4', 'route')
  await endPhase('ipip')
  await untilBoth('ready', 'direct')
  const isReachedDirectly = await reaches(ipv4)
  const directRoutes = await inside('h1', 'ip', '-4', 'route')
  await endPhase('direct')
  // The daemon would do this when it starts with another backend.
  for (const index of [1, 2])
    await batch(`h${index}`, `route delete 10.244.${3 - index}.0/24`, 'link delete flannel.ipip')
  return { isReached, link, routes, isReachedDirectly, directRoutes }
}

/** Also a host that is killed, one that comes back with its key, and a device that somebody removes. */
async function wireguard(first: ChildProcess): Promise<object> {
  await untilBoth('ready', 'separate')
  const isReached = [await reaches(ipv4), await reaches(ipv6)]
  const shown = await inside('h1', 'wg', 'show', 'all', 'dump')
  const routes = (await inside('h1', 'ip', '-4', 'route')) + (await inside('h1', 'ip', '-6', 'route'))
  const gone = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGKILL')
  await gone
  const isReachedWhileKilled = await reaches(ipv4)
  rmSync('/tmp/ready-separate-1')
  startHost(1, 2)
  await untilBoth('ready', 'separate')
  const isReachedAgain = await reaches(ipv4)
  const shownAgain = await inside('h1', 'wg', 'show', 'all', 'dump')
  await batch('h1', 'link delete flannel-wg')
  await until('the device', async () => (await inside('h1', 'wg', 'show', 'flannel-wg', 'peers')).includes('='))
  const isReachedAnew = await reaches(ipv4)
  await endPhase('separate')
  return { isReached, shown, routes, isReachedWhileKilled, isReachedAgain, shownAgain, isReachedAnew }
}

async function oneTunnel(): Promise<object> {
  await untilBoth('ready', 'ipv6')
  const isReached = [await reaches(ipv4), await reaches(ipv6)]
  const shown = await inside('h1', 'wg', 'show', 'all', 'dump')
  await endPhase('ipv6')
  return { isReached, shown, left: await inside('h1', 'ip', '-o', 'link') }
}

log('start')
await setUp()
log('hosts')
const first = startHost(1)
startHost(2)
const seen = { ipip: await ipip(), wireguard: await wireguard(first), oneTunnel: await oneTunnel() }
log('end')
console.log(JSON.stringify(seen))
process.exit(0)
