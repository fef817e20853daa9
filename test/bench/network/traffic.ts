/** Sends traffic from pod 1 to pod 2 of a way and says what became of it. What programs print is read by pure functions. */
import { percentile } from '../statistics.ts'
import type { RunningCarrier } from './carriers.ts'
import { podAddressOf, podOf } from './pair.ts'
import {
  busySeconds,
  cpuSecondsOf,
  type Daemon,
  inNamespace,
  linesOf,
  output,
  self,
  startDaemon,
  until,
} from './process.ts'

/** What a stream of bytes came to. CPU is in seconds per GB (10^9 bytes) that arrived. */
export type StreamFigures = {
  readonly gbitPerSecond: number
  /** Both ends' iperf3 and the daemons that touch packets, each with the kernel's work on its behalf. */
  readonly pathCpuPerGb: number
  readonly daemonCpuPerGb: number
  /** Everything that ran on the machine meanwhile. */
  readonly machineCpuPerGb: number
}

/** What a flood of datagrams came to. */
export type FloodFigures = { readonly receivedPerSecond: number; readonly offeredPerSecond: number }

/** Round trips in microseconds. */
export type RoundTripFigures = { readonly p50Us: number; readonly p99Us: number; readonly lost: number }

/** Starts the server that streams and floods go to. */
export async function startReceiver({ pair, network }: RunningCarrier): Promise<Daemon> {
  const daemon = startDaemon(inNamespace(podOf(pair, 2), ['iperf3', '-s', '-B', podAddressOf(network, 2)]))
  await until('iperf3', async () =>
    (await output(inNamespace(podOf(pair, 2), ['ss', '-ltn']))).includes(':5201') ? true : undefined,
  )
  return daemon
}

async function iperf({ pair, network }: RunningCarrier, seconds: number, flags: readonly string[]): Promise<string> {
  const command = ['iperf3', '--json', '-c', podAddressOf(network, 2), '-t', `${seconds}`, ...flags]
  return await output(inNamespace(podOf(pair, 1), command), undefined, seconds * 1000 + 30_000)
}

/** Sends as much as goes through `streams` TCP connections. */
export async function measureStreams(
  carrier: RunningCarrier,
  streams: number,
  seconds: number,
): Promise<StreamFigures> {
  const daemonCpu = (): number => carrier.daemons.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0)
  const before = { daemon: daemonCpu(), busy: busySeconds() }
  const { bytes, seconds: took, cpuSeconds } = parseStreams(await iperf(carrier, seconds, ['-P', `${streams}`]))
  const gigabytes = bytes / 1e9
  const daemon = daemonCpu() - before.daemon
  return {
    gbitPerSecond: (bytes * 8) / 1e9 / took,
    pathCpuPerGb: (daemon + cpuSeconds) / gigabytes,
    daemonCpuPerGb: daemon / gigabytes,
    machineCpuPerGb: (busySeconds() - before.busy) / gigabytes,
  }
}

/** Sends datagrams with this many bytes of payload as fast as one sender can, one call each; the sink counts what arrives. */
export async function measureFlood(carrier: RunningCarrier, bytes: number, seconds: number): Promise<FloodFigures> {
  const { pair, network } = carrier
  const target = podAddressOf(network, 2)
  const sink = linesOf(inNamespace(podOf(pair, 2), [...self(), '--flood-sink', target]))
  // It prints `{}` when it listens, and its count at its end.
  await sink.next()
  const received = sink.next()
  const sender = [...self(), '--flood-target', target, '--flood-bytes', `${bytes}`, '--seconds', `${seconds}`]
  const sent = numbersOf(await output(inNamespace(podOf(pair, 1), sender), undefined, seconds * 1000 + 30_000))
  const took = numberIn(sent, 'seconds')
  return {
    receivedPerSecond: numberIn(numbersOf(String((await received).value)), 'packets') / took,
    offeredPerSecond: numberIn(sent, 'packets') / took,
  }
}

/** Sends echo requests, one every 5 ms. */
export async function measureRoundTrip({ pair, network }: RunningCarrier, count: number): Promise<RoundTripFigures> {
  const ping = ['busybox', 'ping', '-c', `${count}`, '-i', '0.005', '-W', '1', podAddressOf(network, 2)]
  return parsePing(await output(inNamespace(podOf(pair, 1), ping)), count)
}

/** Reads iperf3's report of TCP streams: what arrived, in what time, and the CPU seconds of both ends. */
export function parseStreams(text: string): {
  readonly bytes: number
  readonly seconds: number
  readonly cpuSeconds: number
} {
  const { sum_received: sum, cpu_utilization_percent: cpu } = endOf(text)
  const share = (numberIn(cpu, 'host_total') + numberIn(cpu, 'remote_total')) / 100
  const seconds = numberIn(sum, 'seconds')
  return { bytes: numberIn(sum, 'bytes'), seconds, cpuSeconds: share * seconds }
}

/** Reads the lines of ping: `time=0.084 ms`. */
export function parsePing(text: string, sent: number): RoundTripFigures {
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000).toSorted((a, b) => a - b)
  return { p50Us: percentile(times, 0.5), p99Us: percentile(times, 0.99), lost: sent - times.length }
}

type Fields = Readonly<Record<string, unknown>>

function numbersOf(text: string): Fields {
  const value: unknown = JSON.parse(text)
  if (!isFields(value)) throw new Error(`no figures: ${text}`)
  return value
}

function endOf(text: string): Fields {
  const value: unknown = JSON.parse(text)
  if (!isFields(value) || !isFields(value['end'])) throw new Error('iperf3 gave no report')
  if (typeof value['error'] === 'string') throw new Error(`iperf3: ${value['error']}`)
  return value['end']
}

function numberIn(value: unknown, name: string): number {
  const field = isFields(value) ? value[name] : undefined
  return typeof field === 'number' ? field : Number.NaN
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
