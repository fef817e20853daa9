/**
 * Keeps the kernel in step with policies: changes go into the state at once and into the kernel soon after; a new pod
 * waits until its rules are there. Writes never overlap, and all who ask while one is under way share the next.
 */
import type { Namespace, Pod } from '../../api/core/v1.ts'
import type { NetworkPolicy } from '../../api/networking/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { PolicyApplier } from './apply/applier.ts'
import { type Claim, Claims } from './claims.ts'
import { compilePolicy } from './compile.ts'
import { policyPodOf } from './pod.ts'
import { PolicyState } from './state.ts'

export type EnforcerOptions = {
  readonly nodeName: string
  readonly appliers: readonly PolicyApplier[]
  readonly observe: (seconds: number) => void
  /** Keeps what a next life has to know: claims that no status confirms yet. */
  readonly remember: (claims: readonly Claim[]) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** Everything is written anew this often, whatever we believe is in the kernel. */
const fullSyncPeriodMs = 3_600_000

/** One for a node. */
export class Enforcer {
  readonly #options: EnforcerOptions
  readonly #state = new PolicyState()
  readonly #claims: Claims
  #remembered: string
  #fullAtMs: number
  #changes = 0
  #written = -1
  #running: Promise<void> = Promise.resolve()

  /** `known`: claims of an earlier life. */
  constructor(options: EnforcerOptions, known: readonly Claim[] = []) {
    this.#options = options
    this.#fullAtMs = options.clock.now()
    this.#claims = new Claims(known)
    this.#remembered = JSON.stringify(known)
  }

  /** Setters tell whether rules may have to change. */
  setPolicy(policy: NetworkPolicy, isGone = false): boolean {
    const compiled = compilePolicy(policy)
    return this.#note(this.#state.setPolicy(compiled.key, isGone ? undefined : compiled))
  }

  setNamespace({ metadata }: Namespace, isGone = false): boolean {
    return this.#note(this.#state.setNamespace(metadata.name, isGone ? undefined : (metadata.labels ?? {})))
  }

  setPod(pod: Pod, isGone = false): boolean {
    const key = `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`
    if (isGone) this.#claims.remove(key)
    const known = isGone ? undefined : policyPodOf(pod, this.#options.nodeName, this.#claims.of(key, pod))
    return this.#note(this.#state.setPod(key, known))
  }

  /** The pod has these addresses from now on, whatever its status says meanwhile. */
  claim(claim: Claim, pod: Pod): boolean {
    this.#claims.add(claim)
    return this.setPod(pod)
  }

  /** Resolves once the kernel holds all changes made before the call. Rejects when it could not take them. */
  async enforce(signal: AbortSignal): Promise<void> {
    const wanted = this.#changes
    await this.#inTurn(async () => {
      if (this.#written < wanted) await this.#write(signal)
    })
  }

  /** Looks whether somebody else has changed the kernel; what they did is undone by the next `enforce`. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => await this.#look(signal))
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { appliers, clock, logger } = this.#options
    if (clock.now() - this.#fullAtMs >= fullSyncPeriodMs) {
      this.#fullAtMs = clock.now()
      for (const applier of appliers) applier.forget()
      this.#changes += 1
    }
    for (const applier of appliers) {
      if (!(await applier.isDisturbed(signal))) continue
      logger.info('Found rules of network policies changed, writing all of them anew', {
        family: applier.family,
      })
      applier.forget()
      this.#changes += 1
    }
  }

  /** One after the other touches the kernel. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const before = this.#running
    const run = async () => {
      await before.catch(() => undefined)
      await work()
    }
    this.#running = run()
    await this.#running
  }

  #note(isChanged: boolean): boolean {
    if (isChanged) this.#changes += 1
    return isChanged
  }

  async #rememberClaims(): Promise<void> {
    const claims = this.#claims.list()
    const text = JSON.stringify(claims)
    if (text === this.#remembered) return
    await this.#options.remember(claims)
    this.#remembered = text
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { appliers, observe, clock, logger } = this.#options
    const [changes, startMs] = [this.#changes, clock.now()]
    const plan = this.#state.plan()
    await this.#rememberClaims()
    // Both families are tried: one that fails must not keep the other from its changes.
    const results = await Promise.allSettled(
      appliers.map(async (applier) => ({ family: applier.family, ...(await applier.apply(plan, signal)) })),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    this.#written = changes
    const seconds = (clock.now() - startMs) / 1_000
    const done = results.flatMap((result) =>
      result.status === 'fulfilled' && result.value.lines > 0 ? [result.value] : [],
    )
    if (done.length === 0) return
    observe(seconds)
    logger.info('Synced network policies', { families: done, profiles: plan.profiles.size, seconds })
  }
}
