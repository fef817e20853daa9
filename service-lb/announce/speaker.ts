/** The announcing part, on every node: caches → who answers for what → frames. */
import { networkInterfaces } from 'node:os'
import type { Node, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import { createRecorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { endpointSlices, services as servicesRef } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll } from '../../component-base/run.ts'
import type { LoadBalancerMetrics } from '../metrics.ts'
import type { Pool } from '../pool.ts'
import type { Classes } from '../services.ts'
import { type Assignment, elect } from './elect.ts'
import { type Interfaces, linksFor } from './interfaces.ts'
import type { Membership } from './membership.ts'
import { Responder, type Wanted } from './responder.ts'

export type SpeakerOptions = {
  readonly client: Client
  readonly nodeName: string
  /** Names of interfaces; empty: those whose subnet has the address. */
  readonly interfaces: readonly string[]
  readonly pool: Pool
  readonly classes: Classes
  readonly nodes: Informer<Node>
  readonly membership: Membership
  readonly metrics: LoadBalancerMetrics
  readonly clock: Clock
  readonly logger: Logger
}

const byService = 'service'

/** Answers for this node's share of the addresses until `signal` aborts. */
export async function runSpeaker(options: SpeakerOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, membership, nodes, nodeName } = options
  const services = createInformer({ client, ref: servicesRef, clock, logger })
  const slices = createInformer({ client, ref: endpointSlices, clock, logger })
  slices.addIndex(byService, serviceKeys)
  const recorder = createRecorder({ client, component: 'service-lb-speaker', host: nodeName, clock, logger })
  let isDirty = true
  for (const informer of [services, slices, nodes]) {
    informer.onChange(() => {
      isDirty = true
    })
  }
  const decide = createDecision(options, services, slices)
  const announcing = async (stop: AbortSignal): Promise<void> => {
    for (const { whenSynced } of [services, slices, nodes]) await whenSynced(stop)
    const responder = new Responder(options)
    let mine: readonly Assignment[] = []
    let wasStale = true
    try {
      while (!stop.aborted) {
        const isStale = membership.view().type === 'stale'
        const next = isStale ? undefined : decide(isDirty)
        isDirty &&= isStale
        if (next !== undefined) {
          for (const { service, address } of added(mine, next)) {
            logger.info('Announcing address', { address, service: serviceKey(service) })
            recorder.event(
              service,
              'Normal',
              'nodeAssigned',
              `announcing from node "${nodeName}" with protocol "layer2"`,
            )
          }
          mine = next
          options.metrics.setAnnounced(mine.map(({ address }) => address))
        }
        responder.want(wantedOf(mine, networkInterfaces(), options.interfaces))
        if (wasStale && !isStale) responder.repeat()
        wasStale = isStale
        await responder.step(stop)
      }
    } finally {
      responder.close()
    }
    stop.throwIfAborted()
  }
  await runAll(signal, {
    services: services.run,
    endpointslices: slices.run,
    events: recorder.run,
    membership: membership.run,
    announcing,
  })
}

/** Gives this node's share when it may have changed; `undefined` when it has not. */
function createDecision(
  { membership, nodes, nodeName, pool, classes }: SpeakerOptions,
  services: Informer<Service>,
  slices: Informer<EndpointSlice>,
): (isDirty: boolean) => readonly Assignment[] | undefined {
  let lastAlive = ''
  return (isDirty) => {
    const view = membership.view()
    if (view.type === 'stale') return undefined
    const alive = [...view.alive].toSorted().join()
    if (!isDirty && alive === lastAlive) return undefined
    lastAlive = alive
    const slicesOf = (service: Service): readonly EndpointSlice[] => slices.byIndex(byService, serviceKey(service))
    const snapshot = { services: services.list(), slicesOf, nodes: nodes.list(), alive: view.alive, pool, classes }
    return elect(snapshot).filter(({ node }) => node === nodeName)
  }
}

function added(before: readonly Assignment[], after: readonly Assignment[]): readonly Assignment[] {
  const known = new Set(before.map(({ service, address }) => `${service.metadata.uid} ${address}`))
  return after.filter(({ service, address }) => !known.has(`${service.metadata.uid} ${address}`))
}

function wantedOf(mine: readonly Assignment[], interfaces: Interfaces, named: readonly string[]): Wanted {
  const wanted = new Map<
    string,
    { readonly link: ReturnType<typeof linksFor>[number]; readonly addresses: Set<string> }
  >()
  for (const { address } of mine) {
    for (const link of linksFor(address, interfaces, named)) {
      const entry = wanted.get(link.name) ?? { link, addresses: new Set<string>() }
      entry.addresses.add(address)
      wanted.set(link.name, entry)
    }
  }
  return wanted
}

function serviceKey({ metadata }: Service): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`]
}
