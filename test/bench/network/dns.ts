/** The row about DNS: queries for a cluster's names by dnsperf, as many as go, and the latency at a rate that leaves room. */
import { writeFile } from 'node:fs/promises'
import { percentile } from '../statistics.ts'
import { addressIn, serviceObject, sliceObject } from './cluster-objects.ts'
import { HollowApi } from './hollow-api.ts'
import { output, startDaemon, until } from './process.ts'
import type { Report } from './report.ts'

const services = 1_000
const port = 1_053
/** Queries in a second for the latency: far from what one core does. */
const calmRate = 3_000

/** Starts our server on a hollow cluster and asks it, for Services that are there and for names that are not. */
export async function measureDns({ folder, seconds }: { folder: string; seconds: number }): Promise<Report> {
  const api = await HollowApi.open('127.0.0.1')
  const names = Array.from({ length: services }, (_, index) => `service-${index}`)
  for (const [index, name] of names.entries()) {
    api.put('/api/v1/services', serviceObject(name, addressIn(10, 96, 256 + index)))
    api.put('/apis/discovery.k8s.io/v1/endpointslices', sliceObject(name, [addressIn(10, 100, index)]))
  }
  api.put('/api/v1/namespaces', { metadata: { name: 'bench' } })
  await writeFile(`${folder}/dns.kubeconfig`, api.kubeconfig)
  const queries = names.flatMap((name, index) => [
    `${name}.bench.svc.cluster.local A`,
    ...(index % 4 === 0 ? [`${name}.bench.svc.cluster.local.bench.svc.cluster.local A`] : []),
  ])
  await writeFile(`${folder}/queries`, `${queries.join('\n')}\n`)
  const flags = [`--kubeconfig=${folder}/dns.kubeconfig`, '--bind-address=127.0.0.1', `--port=${port}`]
  const daemon = startDaemon([process.execPath, 'dist/dns.mjs', ...flags, '--upstream=127.0.0.1:1'])
  try {
    await until('dns', async () => ((await fetch('http://127.0.0.1:8181/ready')).ok ? true : undefined))
    const ask = async (...more: readonly string[]): Promise<string> =>
      await output(['dnsperf', '-s', '127.0.0.1', '-p', `${port}`, '-d', `${folder}/queries`, ...more])
    await ask('-l', '2', '-c', '20')
    const most = parseDnsperf(await ask('-l', `${seconds}`, '-c', '20'))
    const calm = parseLatencies(await ask('-l', `${seconds}`, '-c', '20', '-Q', `${calmRate}`, '-v'))
    const row = ['ours', most.perSecond, most.lostPercent, calm.p50Us, calm.p99Us] as const
    const columns = ['program', 'queries/s', 'lost %', `p50 µs at ${calmRate}/s`, 'p99 µs']
    return {
      tables: [{ title: `DNS: ${services} Services, four of five names exist`, columns, rows: [row] }],
      notes: [],
    }
  } finally {
    await daemon.stop()
    api.close()
  }
}

/** Reads dnsperf's summary. */
export function parseDnsperf(text: string): { readonly perSecond: number; readonly lostPercent: number } {
  return {
    perSecond: Number(/Queries per second:\s+([\d.]+)/.exec(text)?.[1]),
    lostPercent: Number(/Queries lost:\s+\d+ \(([\d.]+)%\)/.exec(text)?.[1]),
  }
}

/** Reads the lines of `dnsperf -v`: `> NOERROR name. A 0.000123`. */
export function parseLatencies(text: string): { readonly p50Us: number; readonly p99Us: number } {
  const sorted = [...text.matchAll(/^> [A-Z]+ .* ([\d.]+)$/gm)].map(([, seconds]) => Number(seconds) * 1e6)
  sorted.sort((a, b) => a - b)
  return { p50Us: percentile(sorted, 0.5), p99Us: percentile(sorted, 0.99) }
}
