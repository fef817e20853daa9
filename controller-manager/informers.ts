/** One cache per kind, shared by all controllers of the process. */
import type { ApiObject } from '../api/resource.ts'
import { createInformer, type Informer } from '../client/cache/informer.ts'
import type { Client } from '../client/rest/client.ts'
import type { ResourceRef } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll } from '../component-base/run.ts'

export type Informers = {
  /** The cache of a kind; asked for before `run`, so that `run` knows all of them. */
  readonly of: <T extends ApiObject, D>(ref: ResourceRef<T, D>) => Informer<T>
  /** The cache of a kind that somebody asked for already. */
  readonly find: (ref: ResourceRef<ApiObject>) => Informer<ApiObject> | undefined
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Makes the set; nothing is listed before `run`. */
export function createInformers(options: { client: Client; clock: Clock; logger: Logger }): Informers {
  const informers = new Map<string, Informer<ApiObject>>()
  return {
    of: <T extends ApiObject, D>(ref: ResourceRef<T, D>): Informer<T> => {
      const key = keyOf(ref)
      const informer = informers.get(key) ?? (createInformer({ ...options, ref }) as unknown as Informer<ApiObject>)
      informers.set(key, informer)
      // The key names the kind, so the cache under it holds objects of that kind.
      return informer as unknown as Informer<T>
    },
    find: (ref) => informers.get(keyOf(ref)),
    run: async (signal) => {
      const tasks = [...informers].map(([key, informer]) => [`cache of ${key}`, informer.run] as const)
      await runAll(signal, { ...Object.fromEntries(tasks), signal: aborted })
    },
  }
}

function keyOf({ group, version, plural }: Pick<ResourceRef<unknown>, 'group' | 'version' | 'plural'>): string {
  return `${plural}.${version}.${group}`
}

/** How long a worker waits for its own write to come back; a cache that is later is not waited for. */
const shownLimitMs = 10_000

/** Resolves when the cache shows a write, so that the next plan does not act on a state from before it. */
export async function whenShown<T extends ApiObject>(
  informer: Informer<T>,
  written: Pick<ApiObject, 'metadata'>,
  signal: AbortSignal,
): Promise<void> {
  await informer.whenSeen(written.metadata.resourceVersion, shownLimitMs, signal)
}

/** Adds an index unless another controller has added it. */
export function withIndex<T extends ApiObject>(
  informer: Informer<T>,
  name: string,
  of: (object: T) => readonly string[],
): Informer<T> {
  const known = indexes.get(informer) ?? new Set()
  indexes.set(informer, known)
  if (!known.has(name)) informer.addIndex(name, of)
  known.add(name)
  return informer
}

/** Which indexes an informer has; keyed weakly, so that it lives as long as the informer. */
const indexes = new WeakMap<object, Set<string>>()
