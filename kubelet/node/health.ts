/** What the kubelet knows about its own fitness: the runtime's answers, and what is running low. */

import type { NodeStatus } from '../../api/core/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Cri, Runtime } from '../runtime/cri.ts'
import type { NodeHealth, Pressure } from './conditions.ts'

/** A runtime that has not answered for this long counts as down. Source: upstream `maxWaitForContainerRuntime`. */
const runtimeSilenceMs = 30_000
/** PLEG that has not finished a list for this long is stuck. Source: upstream `relistThreshold`. */
const plegSilenceMs = 180_000

export type RuntimeHealth = {
  /** Asks the runtime for its status. */
  readonly refresh: (signal: AbortSignal) => Promise<void>
  readonly noteList: () => void
  readonly networkProblem: () => string | undefined
  readonly problems: () => readonly string[]
  /** What the runtime says that it can do. */
  readonly features: () => Pick<NodeStatus, 'runtimeHandlers' | 'features'>
}

/** Remembers what the runtime said last. */
export function createRuntimeHealth(runtime: Runtime, clock: Clock): RuntimeHealth {
  let runtimeProblem: string | undefined = 'container runtime status check may not have completed yet'
  let networkProblem: string | undefined
  let answeredAtMs: number | undefined
  let listedAtMs: number | undefined
  let features: Pick<NodeStatus, 'runtimeHandlers' | 'features'> = {}
  const startedAtMs = clock.now()
  return {
    features: () => features,
    noteList: () => {
      listedAtMs = clock.now()
    },
    refresh: async (signal) => {
      try {
        const answer = await runtime.call('Status', {}, signal, 5_000)
        const { status } = answer
        const find = (type: string) => status?.conditions.find((condition) => condition.type === type)
        const describe = (type: string) => {
          const found = find(type)
          if (found?.status === true) return undefined
          return `${type}=false reason:${found?.reason ?? ''} message:${found?.message ?? ''}`
        }
        const network = describe('NetworkReady')
        networkProblem = network === undefined ? undefined : `container runtime network not ready: ${network}`
        const ready = describe('RuntimeReady')
        runtimeProblem = ready === undefined ? undefined : `container runtime not ready: ${ready}`
        answeredAtMs = clock.now()
        features = featuresOf(answer)
      } catch {
        if (signal.aborted) throw signal.reason
        if (answeredAtMs === undefined || clock.now() - answeredAtMs > runtimeSilenceMs) {
          runtimeProblem = 'container runtime is down'
        }
      }
    },
    networkProblem: () => networkProblem,
    problems: () => {
      const plegSilence = clock.now() - (listedAtMs ?? startedAtMs)
      const pleg =
        plegSilence > plegSilenceMs
          ? [`PLEG is not healthy: pleg was last seen active ${Math.floor(plegSilence / 1000)}s ago; threshold is 3m0s`]
          : []
      return [...[runtimeProblem, networkProblem].flatMap((problem) => problem ?? []), ...pleg]
    },
  }
}

/** No pressure and no problem. */
export const noPressure: Pressure = { memory: false, disk: false, pid: false }

/** Both halves together. */
export function nodeHealth(runtime: RuntimeHealth, pressure: Pressure): NodeHealth {
  return { pressure, problems: runtime.problems() }
}

function featuresOf({
  runtimeHandlers,
  features,
}: Cri<'StatusResponse'>): Pick<NodeStatus, 'runtimeHandlers' | 'features'> {
  const handlers = runtimeHandlers.map(({ name, features: can }) => ({
    name,
    ...(can === null
      ? {}
      : { features: { recursiveReadOnlyMounts: can.recursiveReadOnlyMounts, userNamespaces: can.userNamespaces } }),
  }))
  return {
    ...(handlers.length === 0 ? {} : { runtimeHandlers: handlers }),
    ...(features === null ? {} : { features: { supplementalGroupsPolicy: features.supplementalGroupsPolicy } }),
  }
}
