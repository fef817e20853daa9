/** The rows about CNI: a pod's ADD and DEL as a runtime has them done, through `cni serve` and without. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { percentile } from '../statistics.ts'
import { ip } from './pair.ts'
import { output, startDaemon, until } from './process.ts'
import type { Report } from './report.ts'

type Fields = Readonly<Record<string, unknown>>

const subnetEnv = [
  'FLANNEL_NETWORK=10.210.0.0/16',
  'FLANNEL_SUBNET=10.210.1.1/24',
  'FLANNEL_MTU=1472',
  'FLANNEL_IPMASQ=true',
  '',
].join('\n')

/** Measures both ways with the chain of plugins that `npm start` gives its nodes. */
export async function measureCni({ folder, pods }: { folder: string; pods: number }): Promise<Report> {
  await writeFile(`${folder}/cni-subnet.env`, subnetEnv)
  const rows: (readonly [string, ...number[]])[] = []
  for (const way of ['served', 'standalone'] as const) {
    const bin = `${folder}/cni-${way}`
    const socket = `${folder}/cni-${way}.sock`
    await output([process.execPath, 'dist/cni.mjs', 'install', bin, socket])
    const server = way === 'served' ? startDaemon([process.execPath, 'dist/cni.mjs', 'serve', socket]) : undefined
    try {
      if (server !== undefined)
        await until('cni serve', async () => ((await stat(socket)).isSocket() ? true : undefined))
      rows.push([way, ...(await measureWay(folder, bin, way, way === 'served' ? pods : Math.ceil(pods / 2)))])
    } finally {
      await server?.stop()
    }
  }
  const columns = ['way', 'ADD p50 ms', 'p99', 'DEL p50 ms', 'p99']
  return { tables: [{ title: 'CNI: flannel, bridge, host-local, portmap for one pod', columns, rows }], notes: [] }
}

async function measureWay(folder: string, bin: string, way: string, pods: number): Promise<readonly number[]> {
  const chain = [
    {
      type: 'flannel',
      subnetFile: `${folder}/cni-subnet.env`,
      dataDir: `${folder}/cni-data-${way}`,
      ipam: { dataDir: `${folder}/cni-networks-${way}` },
      delegate: { hairpinMode: true, isDefaultGateway: true },
    },
    { type: 'portmap' },
  ]
  const adds: number[] = []
  const deletes: number[] = []
  const results: unknown[] = []
  // The first ones make the bridge and meet code that has not run yet.
  for (let pod = 0; pod < pods + 3; pod += 1) {
    await ip([`netns add ${way}-${pod}`])
    const startMs = performance.now()
    let previous: unknown
    for (const plugin of chain) previous = await call(bin, 'ADD', `${way}-${pod}`, plugin, previous)
    if (pod >= 3) adds.push(performance.now() - startMs)
    results.push(previous)
  }
  for (const [pod, result] of results.entries()) {
    const startMs = performance.now()
    for (const plugin of chain.toReversed()) await call(bin, 'DEL', `${way}-${pod}`, plugin, result)
    deletes.push(performance.now() - startMs)
    await ip([`netns delete ${way}-${pod}`])
  }
  return [adds, deletes].flatMap((times) => {
    const sorted = times.toSorted((a, b) => a - b)
    return [percentile(sorted, 0.5), percentile(sorted, 0.99)]
  })
}

/** Runs one plugin as a runtime does. */
async function call(bin: string, command: string, pod: string, plugin: Fields, previous: unknown): Promise<unknown> {
  const { type } = plugin
  const child = spawn(`${bin}/${String(type)}`, [], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod,
      CNI_NETNS: `/run/netns/${pod}`,
      CNI_IFNAME: 'eth0',
      CNI_ARGS: '',
      CNI_PATH: bin,
    },
  })
  const config = {
    cniVersion: '1.0.0',
    name: 'bench',
    ...plugin,
    ...(previous === undefined ? {} : { prevResult: previous }),
  }
  child.stdin.end(JSON.stringify(config))
  const [answer, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new Error(`${String(type)} ${command}: ${answer}`)
  return answer === '' ? undefined : JSON.parse(answer)
}
