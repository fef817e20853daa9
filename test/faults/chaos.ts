/** Breaks things at random, and mends them again. */
import { setTimeout as delay } from 'node:timers/promises'
import { compact, type Oracle } from './oracle.ts'
import type { Processes, ServerProcess } from './processes.ts'

export type ChaosFigures = {
  serverKills: number
  serverStops: number
  etcdKills: number
  etcdPauses: number
  compactions: number
}

export type ChaosPlan = {
  readonly processes: Processes
  readonly oracle: Oracle
  readonly random: () => number
  readonly log: (text: string) => void
}

type Fault = (plan: ChaosPlan, figures: ChaosFigures) => Promise<void>

const faults: readonly Fault[] = [
  killEtcd,
  killServer,
  pauseEtcd,
  compactNow,
  stopServer,
  killServer,
  killEtcd,
  compactWhileServerIsAway,
  killEverything,
]
const shortestCalmMs = 800
const longestCalmMs = 3_000

/** Every fault in turn, in an order that changes, with some calm between, until `signal` aborts; all runs at the end. */
export async function runChaos(plan: ChaosPlan, signal: AbortSignal): Promise<ChaosFigures> {
  const figures = { serverKills: 0, serverStops: 0, etcdKills: 0, etcdPauses: 0, compactions: 0 }
  while (!signal.aborted) {
    const order = faults.map((fault) => ({ fault, at: plan.random() })).toSorted((a, b) => a.at - b.at)
    for (const { fault } of order) {
      await delay(between(plan, shortestCalmMs, longestCalmMs), undefined, { signal }).catch(() => {})
      if (signal.aborted) break
      plan.log(fault.name)
      await fault(plan, figures)
    }
  }
  return figures
}

async function killEtcd({ processes, ...plan }: ChaosPlan, figures: ChaosFigures): Promise<void> {
  await processes.etcd.kill()
  figures.etcdKills += 1
  await delay(between(plan, 0, 1_500))
  await processes.etcd.restart()
}

async function pauseEtcd({ processes, ...plan }: ChaosPlan, figures: ChaosFigures): Promise<void> {
  processes.etcd.signal('SIGSTOP')
  figures.etcdPauses += 1
  await delay(between(plan, 100, 4_000))
  processes.etcd.signal('SIGCONT')
}

async function killServer(plan: ChaosPlan, figures: ChaosFigures): Promise<void> {
  const server = anyServer(plan)
  await server.end('SIGKILL')
  figures.serverKills += 1
  await delay(between(plan, 0, 1_000))
  await server.start()
}

async function stopServer(plan: ChaosPlan, figures: ChaosFigures): Promise<void> {
  const server = anyServer(plan)
  const { code, ms } = await server.end('SIGTERM')
  figures.serverStops += 1
  plan.log(`stopped with ${code} after ${Math.round(ms)} ms`)
  if (code !== 0) throw new Error(`the server ended with ${code} after SIGTERM`)
  await server.start()
}

async function killEverything({ processes }: ChaosPlan, figures: ChaosFigures): Promise<void> {
  await Promise.all([processes.etcd.kill(), ...processes.servers.map(async ({ end }) => await end('SIGKILL'))])
  figures.etcdKills += 1
  figures.serverKills += processes.servers.length
  await processes.etcd.restart()
  await Promise.all(processes.servers.map(async ({ start }) => await start()))
}

async function compactNow({ processes, oracle }: ChaosPlan, figures: ChaosFigures): Promise<void> {
  if (await compact(processes.etcd.url, oracle.seen())) figures.compactions += 1
}

async function compactWhileServerIsAway(plan: ChaosPlan, figures: ChaosFigures): Promise<void> {
  const server = anyServer(plan)
  await server.end('SIGKILL')
  figures.serverKills += 1
  await delay(between(plan, 200, 1_000))
  await compactNow(plan, figures)
  await server.start()
}

function anyServer({ processes, random }: ChaosPlan): ServerProcess {
  const { servers } = processes
  const server = servers[Math.floor(random() * servers.length)]
  if (server === undefined) throw new Error('no server')
  return server
}

function between({ random }: Pick<ChaosPlan, 'random'>, low: number, high: number): number {
  return low + random() * (high - low)
}
