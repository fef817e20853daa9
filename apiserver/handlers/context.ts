/** What the handlers of resources share. */
import type { Resource } from '../../api/resource.ts'
import type { Describe } from '../../apimachinery/openapi/names.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Store } from '../registry/store.ts'
import type { Storage } from '../storage/storage.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import type { ExpectedBody } from './write-options.ts'

export type HandlerContext = {
  readonly resources: ResourceRegistry
  readonly schemas: Schemas
  readonly storage: Storage
  readonly caches: WatchCache
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  /** Texts of fields, for the columns of tables. */
  readonly describe: Describe
  /** Events that watches have sent, by kind, for metrics. */
  readonly watchEvents: Map<Resource, number>
  /** Source: `--min-request-timeout`. */
  readonly shortestWatchSeconds: number
}

/** Answers one request about `resource`. */
export type ResourceHandler = (
  context: HandlerContext,
  resource: Resource,
  request: ApiRequest,
  response: ApiResponse,
) => Promise<void>

/** A plain object is about to become a kind's list: `PodList` in the kind's group and version. */
export function listType({ facts }: Resource): { readonly kind: string; readonly apiVersion: string } {
  return { kind: facts.listKind ?? `${facts.kind}List`, apiVersion: apiVersionOf(facts) }
}

/** `v1` or `apps/v1`. */
export function apiVersionOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? version : `${group}/${version}`
}

/** What the body of a write to `resource` should hold. */
export function expectedBody({ schemas }: HandlerContext, { definition, facts }: Resource): ExpectedBody {
  return { schemas, definition, kind: facts.kind }
}
