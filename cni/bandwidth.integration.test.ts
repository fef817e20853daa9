/** The bandwidth plugin on a real veth, in namespaces of its own; TCP through it runs at the rate that was asked for. */
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ifbName } from './bandwidth-plan.ts'

const execute = promisify(execFile)
const [host, pod] = [`bw${process.pid % 10_000}h`, `bw${process.pid % 10_000}p`]
let folder = ''

async function sh(...command: readonly string[]): Promise<string> {
  const [file = '', ...args] = command
  return (await execute(file, args)).stdout
}

const onHost = async (...command: readonly string[]): Promise<string> =>
  await sh('nsenter', `--net=/run/netns/${host}`, ...command)

/** What this kernel has not got, if anything: queues of the kind, or devices to lead traffic through. */
async function findLack(): Promise<string | undefined> {
  const probe =
    'ip link add i0 type ifb && tc qdisc add dev i0 root tbf rate 1mbit burst 10kb latency 25ms && tc qdisc add dev i0 ingress'
  return await sh('unshare', '--net', 'sh', '-c', probe).then(
    () => undefined,
    (error: unknown) => String(error),
  )
}
const lack = await findLack()
if (lack !== undefined) process.stderr.write(`SKIPPED the bandwidth plugin's test on a real veth: ${lack}\n`)

describe.skipIf(lack !== undefined)('the bandwidth plugin', () => {
  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/bandwidth-`)
    const main = new URL('./main.ts', import.meta.url).pathname
    await build({ entryPoints: [main], outfile: `${folder}/cni.mjs`, bundle: true, platform: 'node', format: 'esm' })
    for (const name of [host, pod]) await sh('ip', 'netns', 'add', name)
    await sh('ip', '-n', host, 'link', 'add', 'veth1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod)
    for (const [name, device, address] of [
      [host, 'veth1', '10.9.0.1/24'],
      [pod, 'eth0', '10.9.0.2/24'],
    ] as const) {
      await sh('ip', '-n', name, 'address', 'add', address, 'dev', device)
      await sh('ip', '-n', name, 'link', 'set', device, 'up')
    }
  })
  afterAll(async () => {
    for (const name of [host, pod]) await sh('ip', 'netns', 'delete', name)
    await rm(folder, { recursive: true, force: true })
  })

  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'veth1' }, { name: 'eth0', sandbox: `/run/netns/${pod}` }],
    ips: [{ interface: 1, address: '10.9.0.2/24' }],
  }

  async function call(
    command: string,
    more: object,
    id = 'one',
  ): Promise<{ code: number; answer: { interfaces?: readonly { name: string }[]; msg?: string } }> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: `/run/netns/${pod}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: folder,
    }
    const args = [`--net=/run/netns/${host}`, process.execPath, `${folder}/cni.mjs`, 'bandwidth']
    const child = spawn('nsenter', args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'bandwidth', prevResult, ...more }))
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
    })
    const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)))
    return { code, answer: text === '' ? {} : JSON.parse(text) }
  }

  /**
   * Kilobytes in a second, from one namespace to an address of the other, the burst among them. Counted from before the connection is
   * made: what a slow receiver finds waiting had the time to come.
   */
  async function kilobytesPerSecond(from: string, to: string, address: string): Promise<number> {
    const receive = `let n=0,t=0;require('net').createServer((s)=>{s.on('data',(d)=>{n+=d.length;t=t||Date.now();if(Date.now()-t>=1500){console.log(n,Date.now());process.exit()}})}).listen(7000)`
    const send = `const s=require('net').connect(7000,'${address}');s.on('error',()=>process.exit());const b=Buffer.alloc(65536);const go=()=>{while(s.write(b));s.once('drain',go)};go()`
    const receiver = execute('nsenter', [`--net=/run/netns/${to}`, process.execPath, '-e', receive], {
      timeout: 40_000,
    })
    while (!(await sh('nsenter', `--net=/run/netns/${to}`, 'ss', '-ltn')).includes(':7000'));
    const startMs = Date.now()
    const sender = execute('nsenter', [`--net=/run/netns/${from}`, process.execPath, '-e', send], { timeout: 40_000 })
    const { stdout } = await receiver
    await sender.catch(() => undefined)
    const [bytes = 0, endMs = 0] = stdout.split(' ').map(Number)
    return bytes / (endMs - startMs)
  }

  const limits = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 800_000 }

  test('without limits ADD passes on what was there and makes nothing', async () => {
    const { code, answer } = await call('ADD', { runtimeConfig: {} })
    expect([code, answer.interfaces?.length]).toEqual([0, 2])
    expect(await onHost('tc', 'qdisc', 'show')).not.toContain('tbf')
  })

  test('ADD limits both directions, CHECK agrees, and DEL leaves no device', async () => {
    const added = await call('ADD', { runtimeConfig: { bandwidth: limits } })
    expect(added.code).toBe(0)
    expect(added.answer.interfaces?.[2]?.name).toBe(ifbName('net', 'one'))
    expect((await call('CHECK', { runtimeConfig: { bandwidth: limits } })).answer).toEqual({})
    const other = { ...limits, egressRate: 5_000_000 }
    expect((await call('CHECK', { runtimeConfig: { bandwidth: other } })).answer.msg).toBe("Rate doesn't match")
    // Not a matter of the machine's speed: a limit that does not hold lets hundreds of times as much through.
    const toPod = await kilobytesPerSecond(host, pod, '10.9.0.2')
    const fromPod = await kilobytesPerSecond(pod, host, '10.9.0.1')
    expect(toPod).toBeLessThan(1_000 * 1.6)
    expect(fromPod).toBeLessThan(500 * 1.6)
    expect(await onHost('tc', 'qdisc', 'show', 'dev', ifbName('net', 'one'))).toContain('rate 4Mbit')
    expect((await call('DEL', { runtimeConfig: { bandwidth: limits } })).code).toBe(0)
    expect((await call('DEL', {})).code).toBe(0)
    expect(await onHost('ip', 'link', 'show', 'type', 'ifb')).not.toContain('bwp')
  }, 120_000)

  test('GC removes devices of containers that are gone, and no others', async () => {
    const [kept, gone] = [ifbName('net', 'kept'), ifbName('net', 'gone')]
    for (const [name, network] of [
      [kept, 'net'],
      [gone, 'net'],
      ['bwpother', 'other'],
    ] as const) {
      await onHost('ip', 'link', 'add', name, 'type', 'ifb')
      await onHost('ip', 'link', 'set', 'dev', name, 'alias', `cni-bandwidth:${network}`)
    }
    const { code } = await call('GC', { 'cni.dev/valid-attachments': [{ containerID: 'kept', ifname: 'eth0' }] })
    expect(code).toBe(0)
    const left = await onHost('ip', 'link', 'show', 'type', 'ifb')
    expect([kept, gone, 'bwpother'].map((name) => left.includes(name))).toEqual([true, false, true])
  })

  test('a rate without a burst is refused', async () => {
    const { code, answer } = await call('ADD', { ingressRate: 1_000 })
    expect([code, answer.msg]).toEqual([1, 'if rate is set, burst must also be set'])
  })
})
