/**
 * What policies have to know of the cluster, and no more: all policies and the pods of this node at any time; the pods
 * of other nodes and the namespaces only while there is a policy, because a large cluster's pods are most of what a
 * node would have to hold.
 *
 *   first policy ─▶ list pods and namespaces ─▶ open: policies go to the enforcer ─▶ … ─▶ last one gone for a while ─▶ closed
 *
 * A policy reaches the enforcer only together with the pods it chooses from: half a cluster would shut out the others.
 */
import type { Namespace, Pod } from '../../api/core/v1.ts'
import type { NetworkPolicy } from '../../api/networking/v1.ts'
import { objectKey } from '../../apimachinery/brand.ts'
import { type Change, createInformer, type Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { namespaces, networkPolicies, pods } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll } from '../../component-base/run.ts'
import { Bell } from './bell.ts'
import type { Enforcer } from './enforcer.ts'
import { trimPod } from './pod.ts'

export type ClusterOptions = {
  readonly client: Client
  readonly nodeName: string
  readonly enforcer: Pick<Enforcer, 'setPolicy' | 'setNamespace' | 'setPod'>
  /** Told when rules may have to change. */
  readonly changed: () => void
  readonly clock: Clock
  readonly logger: Logger
}

type Peers = { readonly pods: Informer<Pod>; readonly namespaces: Informer<Namespace> }

/** Pods that have ended hold no address. */
const alive = 'status.phase!=Succeeded,status.phase!=Failed'
/** A policy that is deleted and made again, or one that follows another, must not list the cluster each time. */
const lingerMs = 60_000

/** Follows the cluster for one enforcer. */
export class ClusterWatch {
  readonly #options: ClusterOptions
  readonly #policies: Informer<NetworkPolicy>
  readonly #locals: Informer<Pod>
  readonly #bell = new Bell()
  #isStarted = false
  #peers: Peers | undefined
  #hasComeBack = false

  constructor(options: ClusterOptions) {
    const { client, nodeName, clock, logger } = options
    const fieldSelector = `spec.nodeName=${nodeName},${alive}`
    this.#options = options
    this.#policies = createInformer({ client, ref: networkPolicies, clock, logger })
    this.#locals = createInformer({ client, ref: pods, fieldSelector, clock, logger })
  }

  /** A pod of this node. */
  pod(key: string): Pod | undefined {
    return this.#locals.get(key)
  }

  /** Whether the enforcer has all policies that are known here, and the pods they choose from. */
  get isCurrent(): boolean {
    return this.#isStarted && (this.#peers !== undefined || !this.#isWanted)
  }

  /** Resolves once the enforcer may write: before, it would take away what an earlier life has written. */
  async whenCurrent(signal: AbortSignal): Promise<void> {
    await this.#bell.until(() => this.isCurrent, signal)
  }

  async run(signal: AbortSignal): Promise<void> {
    await runAll(signal, {
      policies: async (stop) => await this.#policies.run(stop),
      pods: async (stop) => await this.#locals.run(stop),
      peers: async (stop) => await this.#follow(stop),
    })
  }

  get #isWanted(): boolean {
    return this.#policies.list().length > 0
  }

  async #follow(signal: AbortSignal): Promise<void> {
    await this.#policies.whenSynced(signal)
    await this.#locals.whenSynced(signal)
    this.#locals.onChange(({ object }) => this.#settlePod(object))
    this.#policies.onChange((change) => this.#takePolicy(change))
    this.#isStarted = true
    this.#bell.ring()
    for (;;) {
      await this.#bell.until(() => this.#isWanted, signal)
      await this.#watchPeers(signal)
    }
  }

  async #watchPeers(signal: AbortSignal): Promise<void> {
    const { client, nodeName, clock, logger } = this.#options
    const fieldSelector = `spec.nodeName!=${nodeName},${alive}`
    const peers = {
      pods: createInformer({ client, ref: pods, fieldSelector, transform: trimPod, clock, logger }),
      namespaces: createInformer({ client, ref: namespaces, clock, logger }),
    }
    const stop = new AbortController()
    const both = linkSignals([signal, stop.signal])
    const serve = async () => {
      try {
        await Promise.all([peers.pods.whenSynced(both.signal), peers.namespaces.whenSynced(both.signal)])
        this.#open(peers)
        await this.#whenUnwanted(both.signal)
        // In one go with the end of the watches: a policy that comes from here on waits for the next listing.
        this.#close(peers)
      } finally {
        stop.abort(new Error('no network policy is left'))
      }
    }
    const serving = serve()
    await Promise.allSettled([peers.pods.run(both.signal), peers.namespaces.run(both.signal), serving])
    both.unlink()
    await serving
  }

  #open(peers: Peers): void {
    const { enforcer, changed, logger } = this.#options
    this.#peers = peers
    peers.namespaces.onChange(({ type, object }) => {
      if (this.#peers === peers) this.#heed(enforcer.setNamespace(object, type === 'deleted'))
    })
    peers.pods.onChange(({ object }) => {
      if (this.#peers === peers) this.#settlePod(object)
    })
    for (const policy of this.#policies.list()) enforcer.setPolicy(policy)
    const pods = peers.pods.list().length
    logger.info('Following pods and namespaces for network policies', { pods })
    this.#bell.ring()
    changed()
  }

  #close(peers: Peers): void {
    this.#peers = undefined
    for (const pod of peers.pods.list()) this.#settlePod(pod)
    for (const namespace of peers.namespaces.list()) this.#heed(this.#options.enforcer.setNamespace(namespace, true))
    this.#options.logger.info('No network policy is left, pods and namespaces are not followed any more')
  }

  /** A whole pause without any policy. */
  async #whenUnwanted(signal: AbortSignal): Promise<void> {
    do {
      this.#hasComeBack = false
      await this.#options.clock.sleep(lingerMs, signal)
    } while (this.#isWanted || this.#hasComeBack)
  }

  #takePolicy({ type, object }: Change<NetworkPolicy>): void {
    const isGone = type === 'deleted'
    if (!isGone) this.#hasComeBack = true
    if (isGone || this.#peers !== undefined) this.#heed(this.#options.enforcer.setPolicy(object, isGone))
    this.#bell.ring()
  }

  /** A pod changes from one watch to the other when it is bound, and a namesake back: the two do not keep step. */
  #settlePod(object: Pod): void {
    const key = objectKey(object)
    const now = newest(this.#locals.get(key), this.#peers?.pods.get(key))
    this.#heed(this.#options.enforcer.setPod(now ?? object, now === undefined))
  }

  #heed(isChanged: boolean): void {
    if (isChanged) this.#options.changed()
  }
}

function newest(left: Pod | undefined, right: Pod | undefined): Pod | undefined {
  if (left === undefined || right === undefined) return left ?? right
  return Number(left.metadata.resourceVersion) > Number(right.metadata.resourceVersion) ? left : right
}
