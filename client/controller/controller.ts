/**
 * The one pattern for a controller: informer → key in queue → observe from caches → pure plan → apply.
 * Handlers only map an object to keys; `plan` never awaits; the worker lets go of a key only when its own writes show in
 * the caches, so that the next plan never acts on a state from before them.
 */
import type { NamespacedName } from '../../apimachinery/brand.ts'
import type { Workqueue } from '../workqueue/workqueue.ts'

export type Plan<Action> = { readonly actions: readonly Action[]; readonly requeueAfterMs?: number }

export type Controller<Observed, Action> = {
  readonly name: string
  readonly queue: Workqueue<NamespacedName>
  /** Reads caches only. `undefined`: the object is gone, nothing to do. */
  readonly observe: (key: NamespacedName) => Observed | undefined
  /** Pure. Same input, same plan. */
  readonly plan: (observed: Observed) => Plan<Action>
  /** The only writer. Safe to repeat. Resolves once the write shows in our own caches. */
  readonly apply: (action: Action, signal: AbortSignal) => Promise<void>
  readonly report: (key: NamespacedName, error: unknown) => void
}

/** Runs `workers` workers until `signal` aborts, then waits for what they have in hand. */
export async function runController<Observed, Action>(
  controller: Controller<Observed, Action>,
  { workers }: { readonly workers: number },
  signal: AbortSignal,
): Promise<void> {
  const shutDown = (): void => controller.queue.shutDown()
  if (signal.aborted) shutDown()
  signal.addEventListener('abort', shutDown, { once: true })
  await Promise.all(Array.from({ length: workers }, async () => await runWorker(controller, signal)))
  signal.throwIfAborted()
}

/** Takes keys until the queue is shut down. */
export async function runWorker<Observed, Action>(
  controller: Controller<Observed, Action>,
  signal: AbortSignal,
): Promise<void> {
  const { queue } = controller
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      await reconcile(controller, key, signal)
      queue.forget(key)
    } catch (error) {
      if (signal.aborted) return
      controller.report(key, error)
      queue.addRateLimited(key)
    } finally {
      queue.done(key)
    }
  }
}

async function reconcile<Observed, Action>(
  controller: Controller<Observed, Action>,
  key: NamespacedName,
  signal: AbortSignal,
): Promise<void> {
  const observed = controller.observe(key)
  if (observed === undefined) return
  const { actions, requeueAfterMs } = controller.plan(observed)
  for (const action of actions) await controller.apply(action, signal)
  if (requeueAfterMs !== undefined) controller.queue.addAfter(key, requeueAfterMs)
}
