/** A way to bring a plan into the kernel, for one address family. */
import type { Family } from '../../../netfilter/iptables.ts'
import type { SyncResult } from '../../mode.ts'
import type { PolicyPlan } from '../plan.ts'

export type PolicyApplier = {
  readonly family: Family
  /** Why policies cannot be enforced here; `undefined` when they can. */
  readonly obstacle: (signal: AbortSignal) => Promise<string | undefined>
  /** Makes the kernel hold what the plan wants; after a failure the next call looks at the kernel and writes everything. */
  readonly apply: (plan: PolicyPlan, signal: AbortSignal) => Promise<SyncResult>
  /** Whether somebody else has changed what was written; then `forget` and `apply` follow. */
  readonly isDisturbed: (signal: AbortSignal) => Promise<boolean>
  readonly forget: () => void
  /** Removes all that `apply` ever wrote, also in an earlier life. Nothing there, or no tool to look with: nothing to do. */
  readonly cleanUp: (signal: AbortSignal) => Promise<void>
}

/** Where to apply: another network namespace than this process's is for tests. */
export type ApplierOptions = { readonly family: Family; readonly namespace?: string }

/** The message of what `attempt` rejects with; `undefined` when it does not. */
export async function obstacleOf(attempt: () => Promise<unknown>, signal: AbortSignal): Promise<string | undefined> {
  try {
    await attempt()
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}
