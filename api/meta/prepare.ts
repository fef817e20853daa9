/** Ways to prepare an object for the store that several kinds share. */
import type { ApiObject } from '../resource.ts'
import { sameJson } from './causes.ts'

type WithSpec = ApiObject & { readonly spec?: unknown }

/** A status update that may also change labels and annotations: nodes, pods, volumes. */
export function keepSpec<T extends WithSpec>(object: T, old: T): T {
  return { ...object, spec: old.spec }
}

/** A new object of a kind with a generation that has no spec. */
export function firstGeneration<T extends ApiObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, generation: 1 } }
}

/** Counts a change of anything but metadata and status as a new generation: kinds without a spec. */
export function bumpOnAnyChange<T extends ApiObject>(object: T, old: T): T {
  const body = ({ metadata: _, ...rest }: ApiObject) => ({ ...rest, status: undefined })
  const generation = old.metadata.generation ?? 0
  const changed = !sameJson(body(object), body(old))
  return { ...object, metadata: { ...object.metadata, generation: changed ? generation + 1 : generation } }
}
