/** NetworkPolicy on one node, from the caches to the kernel; runs beside Services and does not wait for them. */
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { namespaces, networkPolicies, pods } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll, type Task } from '../../component-base/run.ts'
import { SyncLoop } from '../sync/loop.ts'
import type { PolicyApplier } from './apply/applier.ts'
import { type Claim, isAbout } from './claims.ts'
import { ClusterWatch } from './cluster.ts'
import { Enforcer } from './enforcer.ts'
import { type Answer, readClaims, serveHandshake, writeClaims } from './handshake.ts'

export type PolicyOptions = {
  readonly client: Client
  readonly nodeName: string
  /** One for each address family. */
  readonly appliers: readonly PolicyApplier[]
  /** Removes what other modes have left, once the rules of this one are in place. */
  readonly cleanUpOthers: (signal: AbortSignal) => Promise<void>
  /** Where new pods wait for their rules; empty: nowhere. */
  readonly socketPath: string
  /** Whether the kernel shows rules what a bridge passes between its ports; else new pods are asked not to use the bridge. */
  readonly seesBridged: boolean
  /** How often the kernel is looked at. */
  readonly syncPeriodMs: number
  /** Told how long each write took. */
  readonly observe: (seconds: number) => void
  readonly clock: Clock
  readonly logger: Logger
}

/** Changes that come within this time are written together. */
const minSyncPeriodMs = 100
/** How often the right to see policies is asked for again. */
const askAgainMs = 30_000
/** How long a new pod waits for its object to come through the watch: it came to the kubelet before. */
const podLimitMs = 5_000

const withoutBridged =
  'The kernel does not show bridged packets to its rules (br_netfilter); between pods of this node NetworkPolicies hold only for those whose CNI plugin takes them off the bridge'

type Enforcement =
  /** Why this node enforces no policies (yet): pods need not wait, or must not. */
  | { readonly type: 'off'; readonly reason: string }
  | { readonly type: 'starting' }
  | { readonly type: 'on'; readonly enforcer: Enforcer; readonly cluster: ClusterWatch }

/** Enforces policies until `signal` aborts. Without the right to see them it says so, and asks for it now and then. */
export async function startPolicies(options: PolicyOptions, signal: AbortSignal): Promise<void> {
  const { socketPath, seesBridged, logger } = options
  if (!seesBridged) logger.info(withoutBridged)
  let state: Enforcement = { type: 'starting' }
  const answer = async (claim: Claim, stop: AbortSignal): Promise<Answer> => {
    if (state.type === 'off') return { result: 'unenforced', reason: state.reason }
    return await withDeadline(stop, podLimitMs, async (limit) => await cover(claim, () => state, options, limit))
  }
  const refuse = (reason: string) => {
    state = { type: 'off', reason }
  }
  const enforcing: Task = async (stop) => {
    const appliers = await usableAppliers(options, stop)
    if (appliers.length === 0) {
      refuse('this machine lacks the tools')
      // Nothing changes that while the process lives.
      return await forever(options.clock, stop)
    }
    await whenAllowed(options, refuse, stop)
    state = { type: 'starting' }
    await enforce(
      { ...options, appliers },
      (on) => {
        state = on
      },
      stop,
    )
  }
  await runAll(signal, {
    enforcing,
    ...(socketPath === '' ? {} : { handshake: async (stop) => await serveHandshake(socketPath, answer, logger, stop) }),
  })
}

/** A family that cannot be served is left out with a sentence. */
async function usableAppliers(
  { appliers, logger }: PolicyOptions,
  signal: AbortSignal,
): Promise<readonly PolicyApplier[]> {
  const usable: PolicyApplier[] = []
  for (const applier of appliers) {
    const reason = await applier.obstacle(signal)
    if (reason === undefined) usable.push(applier)
    else logger.error('NetworkPolicies are NOT enforced on this node', { family: applier.family, reason })
  }
  return usable
}

async function forever(clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) await clock.sleep(askAgainMs, signal)
}

/** kube-proxy's role upstream allows none of this: a cluster without a role for it has no policies, and works. */
async function whenAllowed(
  { client, clock, logger }: PolicyOptions,
  report: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let isReported = false; ; isReported = true) {
    const missing: string[] = []
    const attempts = [
      { plural: pods.plural, list: async () => await client.list(pods, { limit: 1 }, signal) },
      { plural: namespaces.plural, list: async () => await client.list(namespaces, { limit: 1 }, signal) },
      { plural: networkPolicies.plural, list: async () => await client.list(networkPolicies, { limit: 1 }, signal) },
    ]
    for (const { plural, list } of attempts) {
      try {
        await list()
      } catch (error) {
        signal.throwIfAborted()
        // Any other failure is the informers' to live through.
        if (hasReason(error, 'Forbidden')) missing.push(plural)
      }
    }
    if (missing.length === 0) return
    const reason = `kube-proxy may not list and watch ${missing.join(', ')}`
    report(reason)
    if (!isReported) logger.error('NetworkPolicies are NOT enforced on this node', { reason })
    await clock.sleep(askAgainMs, signal)
  }
}

async function enforce(
  options: PolicyOptions,
  report: (state: Enforcement) => void,
  signal: AbortSignal,
): Promise<void> {
  const { socketPath, cleanUpOthers, clock, logger, syncPeriodMs } = options
  const hasClaims = socketPath !== ''
  const remember = async (claims: readonly Claim[]) => {
    if (hasClaims) await writeClaims(socketPath, claims)
  }
  const enforcer = new Enforcer({ ...options, remember }, hasClaims ? await readClaims(socketPath) : [])
  let isAlone = false
  const loop = new SyncLoop({
    sync: async (stop) => {
      await enforcer.enforce(stop)
      if (!isAlone) await cleanUpOthers(stop)
      isAlone = true
    },
    check: async (stop) => await enforcer.check(stop),
    ...{ minSyncPeriodMs, syncPeriodMs, clock, logger },
  })
  const cluster = new ClusterWatch({ ...options, enforcer, changed: () => loop.request() })
  const rules: Task = async (stop) => {
    await cluster.whenCurrent(stop)
    report({ type: 'on', enforcer, cluster })
    await loop.run(stop)
  }
  await runAll(signal, { cluster: async (stop) => await cluster.run(stop), rules })
}

/** Waits for caches, for the pod's object, and for its rules. */
async function cover(
  claim: Claim,
  state: () => Enforcement,
  { clock, seesBridged }: PolicyOptions,
  signal: AbortSignal,
): Promise<Answer> {
  for (;;) {
    const now = state()
    if (now.type === 'off') return { result: 'unenforced', reason: now.reason }
    const known = now.type === 'on' && now.cluster.isCurrent ? now : undefined
    const pod = known?.cluster.pod(`${claim.namespace}/${claim.name}`)
    if (known !== undefined && pod !== undefined && isAbout(claim, pod)) {
      known.enforcer.claim(claim, pod)
      await known.enforcer.enforce(signal)
      return { result: 'enforced', ...(seesBridged ? {} : { isolate: true }) }
    }
    try {
      await clock.sleep(pollMs, signal)
    } catch (error) {
      if (known !== undefined && staticUid.test(claim.uid)) {
        return { result: 'unenforced', reason: 'static pod that is not in the API' }
      }
      throw new Error(
        known === undefined
          ? 'network policies are not known yet'
          : `pod ${claim.namespace}/${claim.name} did not come through the watch`,
        { cause: error },
      )
    }
  }
}

const pollMs = 5
/** A static pod's: a hash of its file. It must start without an API server; its mirror in the API brings its policies. */
const staticUid = /^[\da-f]{32}$/
