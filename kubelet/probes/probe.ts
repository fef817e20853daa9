/** One probe of one container: exec, HTTP, TCP or gRPC. The messages are those of upstream's `pkg/probe`. */
import { connect } from 'node:net'
import grpc from '@grpc/grpc-js'
import type { Container, Pod, Probe } from '../../api/core/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import { CriError, type Runtime } from '../runtime/cri.ts'
import { bracketed, httpTarget, requestHttp, resolvePort } from './http.ts'
import type { ProbeResult } from './threshold.ts'

export type ProbeTarget = {
  readonly pod: Pod
  readonly container: Container
  readonly containerId: string
  readonly podIp: string
  readonly probe: Probe
  readonly clock: Clock
}
export type ProbeAnswer = { readonly result: ProbeResult; readonly message: string }

const maxOutputBytes = 10 * 1024

/** Never rejects: what goes wrong is the answer. */
export async function probeOnce(runtime: Runtime, target: ProbeTarget, signal: AbortSignal): Promise<ProbeAnswer> {
  const timeoutMs = (target.probe.timeoutSeconds ?? 1) * 1000
  const { signal: limit, unlink } = linkSignals([signal], timeoutMs)
  try {
    const { exec, httpGet, tcpSocket } = target.probe
    if (exec !== undefined) return await probeExec(runtime, target, exec.command ?? [], timeoutMs, signal)
    if (httpGet !== undefined) return await probeHttp(target, limit)
    if (tcpSocket !== undefined) return await probeTcp(target, limit)
    if (target.probe.grpc !== undefined) return await probeGrpc(target, timeoutMs, limit)
    return { result: 'unknown', message: `missing probe handler for ${target.container.name}` }
  } catch (error) {
    return { result: 'failure', message: error instanceof Error ? error.message : String(error) }
  } finally {
    unlink()
  }
}

async function probeExec(
  runtime: Runtime,
  { containerId }: ProbeTarget,
  cmd: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const timeout = Math.ceil(timeoutMs / 1000)
  try {
    const answer = await runtime.call('ExecSync', { containerId, cmd, timeout }, signal, timeoutMs + 10_000)
    const output = Buffer.concat([answer.stdout, answer.stderr]).subarray(0, maxOutputBytes).toString('utf8')
    return { result: answer.exitCode === 0 ? 'success' : 'failure', message: output }
  } catch (error) {
    if (error instanceof CriError && (error.code === 'DeadlineExceeded' || error.details.includes('timed out'))) {
      return { result: 'failure', message: `command timed out: "${cmd.join(' ')}" timed out after ${timeout}s` }
    }
    return { result: 'unknown', message: error instanceof Error ? error.message : String(error) }
  }
}

async function probeHttp({ probe, container, podIp }: ProbeTarget, limit: AbortSignal): Promise<ProbeAnswer> {
  const target = httpTarget(probe.httpGet ?? { port: 0 }, container, podIp)
  const url = `${target.scheme}://${bracketed(target.host)}:${target.port}${target.path}`
  try {
    const answer = await requestHttp(target, { 'user-agent': 'kube-probe/1.36' }, limit)
    if (answer.redirectedAway) return { result: 'warning', message: 'Probe terminated redirects, Response body: ' }
    if (answer.status >= 200 && answer.status < 400) return { result: 'success', message: answer.body }
    return { result: 'failure', message: `HTTP probe failed with statuscode: ${answer.status}` }
  } catch (error) {
    return { result: 'failure', message: `Get "${url}": ${netMessage(error, limit, target)}` }
  }
}

async function probeTcp({ probe, container, podIp }: ProbeTarget, limit: AbortSignal): Promise<ProbeAnswer> {
  const port = resolvePort(probe.tcpSocket?.port ?? 0, container)
  const host = probe.tcpSocket?.host || podIp
  try {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host, port, signal: limit })
      socket.once('connect', () => {
        socket.destroy()
        resolve()
      })
      socket.once('error', reject)
    })
    return { result: 'success', message: '' }
  } catch (error) {
    return { result: 'failure', message: netMessage(error, limit, { host, port }) }
  }
}

/** How Go words the usual failures of a connection. */
function netMessage(error: unknown, limit: AbortSignal, at: { readonly host: string; readonly port: number }): string {
  if (limit.aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const address = `${bracketed(at.host)}:${at.port}`
  const dial = `dial tcp ${address}: connect: `
  if (code === 'ECONNREFUSED') return `${dial}connection refused`
  if (code === 'EHOSTUNREACH') return `${dial}no route to host`
  if (code === 'ENETUNREACH') return `${dial}network is unreachable`
  if (code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`
  return error instanceof Error ? error.message : String(error)
}

const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** The health protocol of gRPC: `Check(service)` answers a status in field 1. */
async function probeGrpc(
  { probe, podIp, clock }: ProbeTarget,
  timeoutMs: number,
  limit: AbortSignal,
): Promise<ProbeAnswer> {
  const { port = 0, service = '' } = probe.grpc ?? {}
  const client = new grpc.Client(`${bracketed(podIp)}:${port}`, grpc.credentials.createInsecure())
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (name: string) => encodeService(name),
        (bytes: Buffer) => (bytes[0] === 8 ? (bytes[1] ?? 0) : 0),
        service,
        new grpc.Metadata(),
        { deadline: clock.now() + timeoutMs },
        (error, answer) => (error === null ? resolve(answer ?? 0) : reject(error)),
      )
      limit.addEventListener('abort', () => call.cancel(), { once: true })
    })
    if (status === 1) return { result: 'success', message: 'service healthy' }
    return { result: 'failure', message: `service unhealthy (responded with "${servingStatuses[status] ?? status}")` }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === grpc.status.UNIMPLEMENTED) {
      return {
        result: 'failure',
        message: 'this server does not implement the grpc health protocol (grpc.health.v1.Health)',
      }
    }
    if (code === grpc.status.DEADLINE_EXCEEDED || limit.aborted) {
      return { result: 'failure', message: `timeout: health rpc did not complete within ${timeoutMs / 1000}s` }
    }
    if (code === grpc.status.UNAVAILABLE) {
      return {
        result: 'failure',
        message: `timeout: failed to connect service "${bracketed(podIp)}:${port}" within ${timeoutMs / 1000}s`,
      }
    }
    const why = error instanceof Error ? error.message : String(error)
    return { result: 'failure', message: `error: health rpc failed: ${why}` }
  } finally {
    client.close()
  }
}

function encodeService(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8')
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([10, bytes.length]), bytes])
}
