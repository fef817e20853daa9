/**
 * An APIService for every group-version of custom kinds, as long as a definition serves it. Those that somebody else has made are
 * left alone. Source: upstream's `pkg/controlplane/controller/crdregistration`, kube-aggregator `autoregister`.
 */
import type { CustomResourceDefinition } from '../../api/apiextensions/v1.ts'
import type { APIService } from '../../api/apiregistration/v1.ts'
import { factsOf } from '../../api/facts/resources.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { apiserverUser } from '../bootstrap/ensure.ts'
import type { Store } from '../registry/store.ts'

export const apiServiceFacts = factsOf('apiregistration.k8s.io', 'apiservices')
const label = 'kube-aggregator.kubernetes.io/automanaged'

export type ApiServiceAction =
  | { readonly type: 'create'; readonly name: string; readonly spec: APIService['spec'] }
  | { readonly type: 'update'; readonly name: string; readonly spec: APIService['spec'] }
  | { readonly type: 'delete'; readonly name: string; readonly uid: string }

/** What to do so that every served group-version has its APIService. */
export function planApiServices(
  definitions: readonly CustomResourceDefinition[],
  services: readonly APIService[],
): readonly ApiServiceAction[] {
  const wanted = new Map(definitions.flatMap(wantedOf))
  const present = new Map(services.map((service) => [service.metadata.name, service]))
  const stale = services.filter(({ metadata }) => isOurs(metadata.labels) && !wanted.has(metadata.name))
  return [
    ...[...wanted].flatMap(([name, spec]): readonly ApiServiceAction[] => {
      const service = present.get(name)
      if (service === undefined) return [{ type: 'create', name, spec }]
      const isRight = !isOurs(service.metadata.labels) || sameJson(service.spec, spec)
      return isRight ? [] : [{ type: 'update', name, spec }]
    }),
    ...stale.map(({ metadata }) => ({ type: 'delete', name: metadata.name, uid: metadata.uid }) as const),
  ]
}

function isOurs(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels?.[label] === 'true'
}

/** Custom groups come after all others, and their versions in the usual order. */
function wantedOf({ spec }: CustomResourceDefinition): readonly (readonly [string, APIService['spec']])[] {
  const { group, versions } = spec
  return versions
    .filter(({ served }) => served)
    .map(({ name }) => [`${name}.${group}`, { group, version: name, groupPriorityMinimum: 1000, versionPriority: 100 }])
}

/** Carries out one action; that somebody else was faster is fine. */
export async function applyApiService(store: Store, action: ApiServiceAction, signal: AbortSignal): Promise<void> {
  const { group, version, plural } = apiServiceFacts
  const resource = store.resource(group, plural, version)
  if (resource === undefined) return
  const key = { namespace: '', name: action.name }
  const options = { user: apiserverUser, fieldManager: 'kube-apiserver' }
  try {
    switch (action.type) {
      case 'create': {
        const draft = { metadata: { name: action.name, labels: { [label]: 'true' } }, spec: action.spec }
        await store.create(resource, '', draft, options, signal)
        return
      }
      case 'update':
        // The spec is replaced as a whole; the object stays an APIService.
        await store.update(
          resource,
          key,
          (current) => ({ ...current, spec: action.spec }) as ApiObject,
          options,
          signal,
        )
        return
      case 'delete':
        await store.delete(resource, key, { ...options, preconditions: { uid: action.uid } }, signal)
    }
  } catch (error) {
    const isSettled = (['AlreadyExists', 'NotFound', 'Conflict'] as const).some((reason) => hasReason(error, reason))
    if (!isSettled) throw error
  }
}
