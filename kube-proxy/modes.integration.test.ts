/** What modes leave in the kernel: after a restart, after somebody else's flush, after clean-up, after a change of mode. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { run } from '../component-base/exec.ts'
import { silentLogger } from '../component-base/logger.ts'
import type { ModeName, ProxyMode } from './mode.ts'
import { cleanUpOtherModes, createMode } from './modes.ts'
import { defaultNode, defaultSettings, planPorts, type ServiceOptions } from './testing.ts'

const { signal } = new AbortController()
const namespace = `kp-${randomBytes(4).toString('hex')}`
const options = {
  family: 'ip',
  namespace,
  settings: defaultSettings,
  hostIps: () => [],
  clock: systemClock,
  logger: silentLogger,
} as const
const [here, there] = [{ ip: '10.244.0.5' }, { ip: '10.244.1.6', node: 'node-2' }]
const services: readonly ServiceOptions[] = [
  { name: 'web', nodePort: 30080, spec: { type: 'NodePort' }, endpoints: [here, there] },
  {
    name: 'sticky',
    spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'], sessionAffinity: 'ClientIP' },
    endpoints: [here, there],
  },
  {
    name: 'lb',
    spec: {
      clusterIP: '10.96.0.3',
      clusterIPs: ['10.96.0.3'],
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['203.0.113.0/24'],
    },
    loadBalancerIps: ['198.51.100.1'],
    endpoints: [here],
  },
  { name: 'empty', spec: { clusterIP: '10.96.0.4', clusterIPs: ['10.96.0.4'] } },
]

async function inside(...command: readonly string[]): Promise<string> {
  return (await run('ip', ['netns', 'exec', namespace, ...command], { signal })).stdout
}

async function serve(mode: ProxyMode, wanted: readonly ServiceOptions[]) {
  return await mode.sync({ node: defaultNode, ports: planPorts(wanted) }, signal)
}

/** Made by iptables when it is first used, and never taken away. */
const builtIn =
  /^(\*\w+|COMMIT|table ip (nat|filter|mangle)|:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) ACCEPT.*)$|KUBE-FIREWALL/

/** All rules, without counters and in an order that does not depend on history. */
async function rules(): Promise<readonly string[]> {
  const tables = await inside('nft', 'list', 'tables')
  const own = tables.includes('kube-proxy') ? await inside('nft', '-n', 'list', 'table', 'ip', 'kube-proxy') : ''
  const elements = own.replaceAll(/,\s+/g, '\n').replaceAll(/elements = \{ | \}$/gm, '\n')
  const saved = (await inside('iptables-save')).replaceAll(/ \[\d+:\d+\]$|^#.*$/gm, '')
  return `${tables}\n${saved}\n${elements}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !builtIn.test(line))
    .toSorted()
}

beforeAll(async () => {
  await run('ip', ['netns', 'add', namespace], { signal })
})

afterAll(async () => {
  await run('ip', ['netns', 'delete', namespace], { signal })
})

/** Services with one address each, named so that the order of rules is that of the numbers. */
function many(numbers: readonly number[]): readonly ServiceOptions[] {
  return numbers.map((n) => {
    const clusterIP = `10.97.${n >> 8}.${n & 255}`
    return { name: `s${1_000 + n}`, spec: { clusterIP, clusterIPs: [clusterIP] }, endpoints: [there] }
  })
}

test('mode iptables edits a long chain in place, and its rules have the order of a fresh start', async () => {
  const portals = async (): Promise<string> => await inside('iptables', '-t', 'nat', '-S', 'KUBE-SERVICES')
  const all = Array.from({ length: 600 }, (_, n) => n)
  const changed = all.filter((n) => n % 60 !== 7).toSpliced(300, 0, 700, 701)
  const mode = createMode('iptables', options)
  await serve(mode, many(all))
  const { lines } = await serve(mode, many(changed))
  expect(lines).toBeLessThan(100)
  const edited = await portals()
  mode.forget()
  await serve(mode, many(changed))
  expect(edited.split('\n').length).toBeGreaterThan(590)
  expect(edited).toBe(await portals())
  await mode.cleanUp(undefined, signal)
})

const names: readonly ModeName[] = ['iptables', 'nftables']

for (const name of names) {
  test(`mode ${name} after changes has the rules of a fresh start, and cleanUp() takes all of them away`, async () => {
    const untouched = await rules()
    const mode = createMode(name, options)
    expect(await serve(mode, services)).toMatchObject({ type: 'full' })
    expect(await serve(mode, services)).toMatchObject({ type: 'none', lines: 0 })
    const whole = await rules()
    const [web, ...others] = services
    expect(await serve(mode, [{ ...(web ?? { name: '' }), endpoints: [there] }])).toMatchObject({ type: 'partial' })
    expect(await serve(mode, [...others, { ...(web ?? { name: '' }) }])).toMatchObject({ type: 'partial' })
    // Chains that nothing refers to any more go a second later, with the next change.
    await systemClock.sleep(1_001, signal)
    await serve(mode, services.slice(0, 1))
    await serve(mode, services)
    expect(await rules()).toEqual(whole)
    await mode.cleanUp(undefined, signal)
    expect(await rules()).toEqual(untouched)
    await mode.cleanUp(undefined, signal)
  })

  test(`mode ${name} started anew takes over from the process before it and leaves rules of others alone`, async () => {
    await inside('iptables', '-t', 'nat', '-N', 'FOREIGN')
    await inside('iptables', '-t', 'nat', '-A', 'PREROUTING', '-j', 'FOREIGN')
    await serve(createMode(name, options), services.slice(1))
    const reborn = createMode(name, options)
    expect(await serve(reborn, services.slice(0, 1))).toMatchObject({ type: 'full' })
    await systemClock.sleep(1_001, signal)
    await serve(reborn, [])
    await serve(reborn, services.slice(0, 1))
    const seen = await rules()
    await reborn.cleanUp(undefined, signal)
    const fresh = createMode(name, options)
    await serve(fresh, services.slice(0, 1))
    expect(seen).toEqual(await rules())
    expect(seen).toContain('-A PREROUTING -j FOREIGN')
    await fresh.cleanUp(undefined, signal)
    await inside('iptables', '-t', 'nat', '-D', 'PREROUTING', '-j', 'FOREIGN')
    await inside('iptables', '-t', 'nat', '-X', 'FOREIGN')
  })

  test(`mode ${name} finds that somebody has flushed its rules`, async () => {
    const mode = createMode(name, options)
    await serve(mode, services)
    const whole = await rules()
    expect(await mode.isDisturbed(signal)).toBe(false)
    await inside('nft', 'flush', 'ruleset')
    expect(await mode.isDisturbed(signal)).toBe(true)
    mode.forget()
    expect(await serve(mode, services)).toMatchObject({ type: 'full' })
    expect(await rules()).toEqual(whole)
    await mode.cleanUp(undefined, signal)
  })

  for (const next of names.filter((each) => each !== name)) {
    test(`the change from mode ${name} to ${next} leaves nothing behind`, async () => {
      const fresh = createMode(next, options)
      await serve(fresh, services)
      const alone = await rules()
      await fresh.cleanUp(undefined, signal)
      await serve(createMode(name, options), services)
      await serve(createMode(next, options), services)
      await cleanUpOtherModes(next, options, signal)
      expect(await rules()).toEqual(alone)
      await createMode(next, options).cleanUp(undefined, signal)
    })
  }
}
