/** `GET /containerLogs/{namespace}/{pod}/{container}`. Refusals are worded as upstream words them: kubectl shows them. */

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ContainerStatus, PodStatus } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import { type RuntimeContainer, readContainer, readRuntimePod } from '../runtime/runtime-pod.ts'
import { HttpError } from './http-error.ts'
import { type LogOptions, readLog } from './logs.ts'
import { findContainer, findPod } from './pod-lookup.ts'
import type { ServerContext } from './server.ts'

/** Sends the log; with `follow` until the container ends or the client goes. */
export async function answerContainerLog(
  context: ServerContext,
  [namespace = '', podName = '', containerName = '']: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, clock } = context
  const { pod, status } = findPod(context, namespace, podName)
  const { name } = findContainer(pod, containerName)
  const options = logOptions(query, clock.now())
  const { containers } = await readRuntimePod(runtime, pod.metadata.uid, signal)
  const runs = containers.filter((run) => run.name === name)
  const run = chooseRun(runs, status, name, podName, query.get('previous') === 'true')
  const isRunning = async () => (await readContainer(runtime, run.id, signal))?.phase === 'running'
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Transfer-Encoding': 'chunked' })
  response.flushHeaders()
  try {
    for await (const bytes of readLog(run.logPath, options, isRunning, clock, signal)) {
      if (!response.write(bytes)) await once(response, 'drain', { signal })
    }
  } catch (error) {
    if (signal.aborted) return
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    response.write(missing ? `unable to retrieve container logs for containerd://${run.id}` : String(error))
  }
  response.end()
}

function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const whole = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0) throw new HttpError(400, `invalid ${name}: ${text}`)
    return value
  }
  const sinceSeconds = whole('sinceSeconds')
  const sinceTime = query.get('sinceTime')
  const stream = query.get('stream')
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    tailLines: whole('tailLines'),
    sinceMs:
      sinceSeconds !== undefined
        ? nowMs - sinceSeconds * 1000
        : sinceTime === null || sinceTime === ''
          ? undefined
          : parseTime(sinceTime),
    limitBytes: whole('limitBytes'),
    stream: stream === 'Stdout' ? 'stdout' : stream === 'Stderr' ? 'stderr' : undefined,
  }
}

/** Reasons for which there cannot be a log until the image is there. */
const pullReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
])

function chooseRun(
  runs: readonly RuntimeContainer[],
  status: PodStatus,
  name: string,
  podName: string,
  previous: boolean,
): RuntimeContainer {
  const where = `container "${name}" in pod "${podName}"`
  if (previous) {
    // While a container waits to be started again, its last run is the previous one.
    const ended = runs.filter(({ phase }) => phase === 'exited')
    const run = waitingOf(status, name) === undefined && runs[0]?.phase === 'exited' ? ended[1] : ended[0]
    if (run === undefined) throw new HttpError(400, `previous terminated ${where} not found`)
    return run
  }
  const [run] = runs.filter(({ phase }) => phase !== 'created')
  if (run !== undefined) return run
  const waiting = waitingOf(status, name)
  const why = pullReasons.has(waiting ?? '') ? 'trying and failing to pull image' : (waiting ?? 'ContainerCreating')
  throw new HttpError(400, `${where} is waiting to start: ${why}`)
}

function waitingOf(status: PodStatus, name: string): string | undefined {
  const all: readonly ContainerStatus[] = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ]
  return all.find((one) => one.name === name)?.state.waiting?.reason
}
