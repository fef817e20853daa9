/** Admission: plugins that may change or refuse a write after it is decoded and defaulted, and before it is stored. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { TimeLimit } from '../cel/time-limit.ts'
import type { UserInfo } from '../http/request-info.ts'
import { Reinvocation } from './reinvocation.ts'

/** What a subresource shows of an object. */
export type SubresourceView = {
  /** Of what is shown; absent for the options of a connection, which have none. */
  readonly definition?: string
  readonly show: (object: ApiObject) => JsonObject
  /** The object after what is shown of it has been changed. Throws to refuse. */
  readonly take: (object: ApiObject, shown: JsonObject) => ApiObject
}

/** One write as admission sees it. `object` is absent for DELETE, `oldObject` for CREATE; what a CONNECT asks for is its object. */
export type AdmissionRequest = {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly resource: Resource
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly object?: ApiObject
  readonly oldObject?: ApiObject
  readonly user: UserInfo
  readonly dryRun: boolean
  /** Permissions tell patches from other updates. */
  readonly isPatch?: true
  /** The request's `CreateOptions`, `UpdateOptions`, `PatchOptions`, `DeleteOptions` or connect options. */
  readonly options?: JsonObject
  /** How `object` is shown where that is not the resource's own kind: the `Scale` of a Deployment, the `Binding` of a pod. */
  readonly view?: SubresourceView
  /** Adds a `Warning` header to the answer. */
  readonly warn?: (text: string) => void
  /**
   * Adds an annotation to the audit event; the first of one key stays. With a level: only where bodies are recorded.
   * Absent where nothing is recorded.
   */
  readonly annotate?: (key: string, value: string, level?: 'Request') => void
  /** For expressions: how long they may take. */
  readonly timeLimit?: TimeLimit
  /** What plugins remember from the first round of a write to the second. */
  readonly reinvocation?: Reinvocation
}

/** One plugin. Either function throws a `StatusError` to refuse. `mutate` returns the object to go on with. */
export type AdmissionPlugin = {
  readonly name: string
  /** What upstream's registry does after admission: runs last, and once where others run a second time. */
  readonly afterwards?: true
  /**
   * Whether there is anything to do for such a write; absent: always. Decided by its operation, resource, subresource and user
   * alone, and quickly: most plugins have nothing to do for most writes. Source: upstream's `Handles`.
   */
  readonly concerns?: (request: AdmissionRequest) => boolean
  readonly mutate?: (request: AdmissionRequest, signal: AbortSignal) => Promise<ApiObject> | ApiObject
  readonly validate?: (request: AdmissionRequest, signal: AbortSignal) => Promise<void> | void
  /** Told how a write ended that was admitted or that a later plugin refused: to give back what was reserved for it. */
  readonly settled?: (request: AdmissionRequest, outcome: WriteOutcome) => void | Promise<void>
}
export type WriteOutcome = 'stored' | 'failed'

/** All plugins in their order. Run by the registry's store for each write, and by subresources for CONNECT. */
export type AdmissionChain = {
  /** Changes the object of a CREATE or UPDATE. */
  readonly mutate: (request: AdmissionRequest, signal: AbortSignal) => Promise<ApiObject | undefined>
  readonly validate: (request: AdmissionRequest, signal: AbortSignal) => Promise<void>
  /** To be called once for every write that went through `mutate`, in whatever way it ended. */
  readonly settled: (request: AdmissionRequest, outcome: WriteOutcome) => Promise<void>
}

type Plugins = readonly AdmissionPlugin[]

/** Runs the plugins one after the other, each on the object that the one before returned. */
export function createAdmissionChain(plugins: Plugins, timeLimit?: TimeLimit): AdmissionChain {
  const limit = timeLimit === undefined ? {} : { timeLimit }
  const mutating = plugins.filter(({ mutate }) => mutate !== undefined)
  const repeated = mutating.filter(({ afterwards }) => afterwards !== true)
  const last = mutating.filter(({ afterwards }) => afterwards === true)
  const settling = plugins.filter(({ settled }) => settled !== undefined)
  const validating = plugins.filter(({ validate }) => validate !== undefined)
  return {
    async mutate(request, signal) {
      const reinvocation = new Reinvocation()
      const round = async (object: ApiObject | undefined, inTurn: Plugins) =>
        await mutateInTurn({ ...request, ...limit, reinvocation }, object, inTurn, signal)
      let object = await round(request.object, repeated)
      if (reinvocation.begin()) object = await round(object, repeated)
      return await round(object, last)
    },
    async validate(request, signal) {
      const limited = { ...request, ...limit }
      for (const { concerns, validate } of validating) {
        if (concerns?.(limited) === false) continue
        const done = validate?.(limited, signal)
        if (done instanceof Promise) await done
      }
    },
    async settled(request, outcome) {
      for (const { concerns, settled } of settling) {
        if (concerns?.(request) !== false) await settled?.(request, outcome)
      }
    },
  }
}

async function mutateInTurn(
  request: AdmissionRequest,
  started: ApiObject | undefined,
  mutating: Plugins,
  signal: AbortSignal,
): Promise<ApiObject | undefined> {
  let object = started
  for (const { concerns, mutate } of mutating) {
    if (concerns?.(request) === false) continue
    // DELETE and CONNECT have no object to change, but a mutating plugin may still refuse them.
    const result = mutate?.(
      object === undefined || object === request.object ? request : { ...request, object },
      signal,
    )
    // Few plugins wait for anything, and each time that is given away here is given to all other requests first.
    const changed = result instanceof Promise ? await result : result
    if (object !== undefined) object = changed
  }
  return object
}
