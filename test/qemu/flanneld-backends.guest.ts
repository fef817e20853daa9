/**
 * Runs inside the machine: two hosts with a pod each, and flanneld's ipip and wireguard backends between them. Prints
 * what was seen as one line of JSON; the test outside judges it.
 *
 *   pod 1 ── host 1 ─ eth0 ══ eth0 ─ host 2 ── pod 2
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
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
const limitMs = 200_000

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

type Hosts = readonly [ChildProcess, ChildProcess]

function startHost(index: number, phase: string, config: object): ChildProcess {
  rmSync(`/tmp/ready-${phase}-${index}`, { force: true })
  const args = [String(index), String(3 - index), JSON.stringify(config), phase]
  const command = ['netns', 'exec', `h${index}`, process.execPath, '/test/flanneld-host.worker.mjs', ...args]
  return spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function startPhase(phase: string, config: object): Promise<Hosts> {
  const hosts = [startHost(1, phase, config), startHost(2, phase, config)] as const
  await until(`phase ${phase}`, () => [1, 2].every((index) => existsSync(`/tmp/ready-${phase}-${index}`)))
  log(`phase ${phase}`)
  return hosts
}

async function end(child: ChildProcess, how: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(how)
  await gone
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
const dual = { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:244::/48' }

async function ipip(): Promise<object> {
  const config = { Network: '10.244.0.0/16', Backend: { Type: 'ipip' } }
  const hosts = await startPhase('ipip', config)
  const seen = {
    isReached: await reaches(ipv4),
    link: await inside('h1', 'ip', '-d', '-s', 'link', 'show', 'flannel.ipip'),
    routes: await inside('h1', 'ip', '-4', 'route'),
  }
  await Promise.all(hosts.map(async (child) => await end(child, 'SIGTERM')))
  const direct = await startPhase('ipip-direct', { ...config, Backend: { Type: 'ipip', DirectRouting: true } })
  const isReachedDirectly = await reaches(ipv4)
  const directRoutes = await inside('h1', 'ip', '-4', 'route')
  await Promise.all(direct.map(async (child) => await end(child, 'SIGTERM')))
  for (const host of ['h1', 'h2']) {
    await batch(host, 'link delete flannel.ipip')
    await inside(host, 'ip', 'route', 'flush', 'root', '10.244.0.0/16', 'via', '172.29.0.1')
    await inside(host, 'ip', 'route', 'flush', 'root', '10.244.0.0/16', 'via', '172.29.0.2')
  }
  return { ...seen, isReachedDirectly, directRoutes }
}

async function wireguard(): Promise<object> {
  const psk = 'FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE='
  const config = { ...dual, Backend: { Type: 'wireguard', PSK: psk, PersistentKeepaliveInterval: 25 } }
  const [first, second] = await startPhase('separate', config)
  const isReached = [await reaches(ipv4), await reaches(ipv6)]
  const shown = await inside('h1', 'wg', 'show', 'all', 'dump')
  const routes = (await inside('h1', 'ip', '-4', 'route')) + (await inside('h1', 'ip', '-6', 'route'))
  await end(first, 'SIGKILL')
  const isReachedWhileKilled = await reaches(ipv4)
  const again = startHost(1, 'separate', config)
  await until('the killed host', () => existsSync('/tmp/ready-separate-1'))
  const isReachedAgain = await reaches(ipv4)
  const shownAgain = await inside('h1', 'wg', 'show', 'all', 'dump')
  await batch('h1', 'link delete flannel-wg')
  await until('the device', async () => (await inside('h1', 'wg', 'show', 'flannel-wg', 'peers')).includes('='))
  const isReachedAnew = await reaches(ipv4)
  await Promise.all([again, second].map(async (child) => await end(child, 'SIGTERM')))
  const left = await inside('h1', 'ip', '-o', 'link')
  return { isReached, shown, routes, isReachedWhileKilled, isReachedAgain, shownAgain, isReachedAnew, left }
}

async function oneTunnel(): Promise<object> {
  const hosts = await startPhase('ipv6', { ...dual, Backend: { Type: 'wireguard', Mode: 'ipv6', ListenPort: 5000 } })
  const isReached = [await reaches(ipv4), await reaches(ipv6)]
  const shown = await inside('h1', 'wg', 'show', 'all', 'dump')
  await Promise.all(hosts.map(async (child) => await end(child, 'SIGTERM')))
  return { isReached, shown }
}

log('start')
await setUp()
log('hosts')
const seen = { ipip: await ipip(), wireguard: await wireguard(), oneTunnel: await oneTunnel() }
log('end')
console.log(JSON.stringify(seen))
process.exit(0)
