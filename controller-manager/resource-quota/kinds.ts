/** Caches of the kinds that quotas name, each from the first quota that names it: what is deleted is given back at once. */
import type { ApiObject } from '../../api/resource.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import type { ResourceRef } from '../../client/rest/resource-refs.ts'
import { aborted, type Task } from '../../component-base/run.ts'
import type { ControllerContext } from '../context.ts'

export type FollowedKinds = {
  /** Starts to follow the kind unless it is followed already; does nothing before `run`. */
  readonly follow: (kind: ResourceRef<ApiObject>) => void
  /** Keeps the caches up to date until the signal aborts. */
  readonly run: Task
}

type Listeners = {
  readonly onDelete: (object: ApiObject) => void
  /** A cache has been filled: deletions from before were not seen. */
  readonly onFilled: () => void
}

/** Makes the set. A cache that another controller keeps anyway is shared. */
export function followKinds(context: ControllerContext, { onDelete, onFilled }: Listeners): FollowedKinds {
  const followed = new Map<string, Informer<ApiObject>>()
  let running: AbortSignal | undefined
  return {
    follow: (ref) => {
      const key = `${ref.plural}.${ref.group}`
      if (running === undefined || followed.has(key)) return
      const shared = context.informers.find(ref)
      const informer = shared ?? createInformer({ ...context, ref })
      followed.set(key, informer)
      informer.onChange(({ type, object }) => {
        if (type === 'deleted') onDelete(object)
      })
      // An informer ends only when it is stopped, and that is no failure.
      if (shared === undefined) informer.run(running).catch(() => {})
      informer.whenSynced(running).then(onFilled, () => {})
    },
    run: async (signal) => {
      running = signal
      await aborted(signal)
    },
  }
}
