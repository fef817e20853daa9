/** Lifecycle hooks: exec, HTTP GET and sleep. Source: API field `lifecycle`. */
import type { Container, LifecycleHandler, Pod } from '../../api/core/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import { httpTarget, requestHttp } from '../probes/http.ts'
import type { Runtime } from '../runtime/cri.ts'

export type HookRunner = {
  readonly runtime: Runtime
  readonly clock: Clock
  /** The pod's address now. */
  readonly podIp: (podUid: string) => string | undefined
}
export type Hook = {
  readonly pod: Pod
  readonly container: Container
  readonly containerId: string
  readonly handler: LifecycleHandler
}

/** The runtime's own limit for a hook without another. */
const hookTimeoutMs = 24 * 3_600_000

/** Runs a hook to its end. Resolves with the reason when it failed, undefined when it went well. */
export async function runHook(runner: HookRunner, hook: Hook, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await perform(runner, hook, signal)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function perform(runner: HookRunner, hook: Hook, signal: AbortSignal): Promise<string | undefined> {
  const { handler, containerId, container, pod } = hook
  if (handler.exec !== undefined) {
    const cmd = handler.exec.command ?? []
    const answer = await runner.runtime.call('ExecSync', { containerId, cmd, timeout: 0 }, signal, hookTimeoutMs)
    if (answer.exitCode === 0) return undefined
    const output = Buffer.concat([answer.stdout, answer.stderr]).toString('utf8')
    return `command '${cmd.join(' ')}' exited with ${answer.exitCode}: ${output}`
  }
  if (handler.sleep !== undefined) {
    await runner.clock.sleep(handler.sleep.seconds * 1000, signal)
    return undefined
  }
  if (handler.httpGet !== undefined) {
    const target = httpTarget(handler.httpGet, container, runner.podIp(pod.metadata.uid) ?? '127.0.0.1')
    const answer = await requestHttp(target, { 'user-agent': 'kube-lifecycle/1.36' }, signal)
    return answer.status >= 200 && answer.status < 400 ? undefined : `HTTP status ${answer.status}`
  }
  return undefined
}
