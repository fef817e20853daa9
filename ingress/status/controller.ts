/** The part that one instance does for all, under a lease: the status of Ingresses, and events about what is wrong with them. */
import type { Ingress } from '../../api/networking/v1.ts'
import { type NamespacedName, objectKey } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { type Controller, runController } from '../../client/controller/controller.ts'
import { createRecorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { ingresses as ingressesRef } from '../../client/rest/resource-refs.ts'
import { createWorkqueue } from '../../client/workqueue/workqueue.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll } from '../../component-base/run.ts'
import type { Cluster } from '../cluster.ts'
import type { IngressProblem } from '../table/table.ts'
import { type Action, type Observed, type Published, plan } from './plan.ts'

/** What is known beside the caches, and when it changes. */
export type Findings = {
  readonly isOurs: (ingress: Ingress) => boolean
  readonly problems: () => readonly IngressProblem[]
  readonly onChange: (listener: () => void) => () => void
}
export type StatusOptions = {
  readonly client: Client
  readonly cluster: Cluster
  readonly findings: Findings
  /** `undefined`: not known yet, write nothing. */
  readonly published: () => Published | undefined
  readonly clock: Clock
  readonly logger: Logger
}

const shownLimitMs = 10_000

/** Writes until `signal` aborts. */
export async function runStatus(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const { client, cluster, findings, published, clock, logger } = options
  const { ingresses } = cluster
  const recorder = createRecorder({ client, component: 'ingress-controller', clock, logger })
  const queue = createWorkqueue<NamespacedName>({ clock })
  let told: ReadonlySet<string> = new Set()
  const tell = (): void => {
    const problems = findings.problems().map((problem) => ({ problem, key: keyOf(problem) }))
    for (const { problem, key } of problems) {
      if (!told.has(key)) recorder.event(problem.ingress, 'Warning', problem.reason, problem.message)
    }
    told = new Set(problems.map(({ key }) => key))
  }
  const changed = (): void => {
    tell()
    for (const ingress of ingresses.list()) queue.add(objectKey(ingress))
  }
  const controller: Controller<Observed, Action> = {
    name: 'ingress-status',
    queue,
    observe: (key) => {
      const ingress = ingresses.get(key)
      const known = published()
      return ingress === undefined || known === undefined
        ? undefined
        : { ingress, isOurs: findings.isOurs(ingress), published: known }
    },
    plan,
    apply: async ({ ingress, published: entries }, stop) => {
      const { resourceVersion } = ingress.metadata
      const loadBalancer = { ingress: entries.length === 0 ? null : entries }
      const body = { metadata: { resourceVersion }, status: { loadBalancer } }
      try {
        const written = await client.patch(
          ingressesRef,
          ingress.metadata,
          { type: 'merge', subresource: 'status', body },
          stop,
        )
        await ingresses.whenSeen(written.metadata.resourceVersion, shownLimitMs, stop)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
    },
    report: (key, error) => {
      if (hasReason(error, 'Conflict')) logger.debug('Retried after a conflict', { key })
      else logger.info('Status not written', { key, error })
    },
  }
  const forget = findings.onChange(changed)
  try {
    changed()
    await runAll(signal, {
      events: recorder.run,
      status: async (stop) => await runController(controller, { workers: 1 }, stop),
    })
  } finally {
    forget()
  }
}

function keyOf({ ingress, reason, message }: IngressProblem): string {
  return `${ingress.metadata.uid} ${reason} ${message}`
}
