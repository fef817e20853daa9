/** What other servers serve, as discovery shows it beside our own. */
import type { APIService } from '../../api/apiregistration/v1.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { ServedGroup } from '../registry/resource-registry.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import { isAvailable } from './proxy.ts'

/** A version of a group in the aggregated document. */
export type RemoteVersion = {
  readonly version: string
  readonly resources: readonly JsonObject[]
  readonly freshness: string
}
export type RemoteDiscovery = {
  readonly groups: () => readonly ServedGroup[]
  readonly versions: (group: string) => readonly RemoteVersion[]
}

/** Remembers the last list of resources of each APIService, by its name. */
export class RemoteResources {
  readonly #lists = new Map<string, Json>()

  set(name: string, list: Json): void {
    this.#lists.set(name, list)
  }

  get(name: string): readonly JsonObject[] {
    const list = this.#lists.get(name)
    const resources = list !== undefined && isJsonObject(list) ? list['resources'] : undefined
    return resources !== undefined && isJsonList(resources) ? resources.filter(isJsonObject) : []
  }
}

/** Discovery of the groups that APIServices give to other servers. */
export function remoteDiscovery(reader: ObjectReader, resources: RemoteResources): RemoteDiscovery {
  const services = (): readonly APIService[] =>
    readAll(reader, kinds.apiServices).filter(({ spec }) => spec.service !== undefined)
  const inGroup = (name: string): readonly APIService[] =>
    services()
      .filter(({ spec }) => (spec.group ?? '') === name)
      .toSorted((a, b) => b.spec.versionPriority - a.spec.versionPriority)
  return {
    groups: () =>
      [...new Set(services().map(({ spec }) => spec.group ?? ''))].map((group) => ({
        group,
        versions: inGroup(group).map(({ spec }) => spec.version ?? ''),
      })),
    versions: (group) =>
      inGroup(group).map((service) => ({
        version: service.spec.version ?? '',
        resources: aggregated(resources.get(service.metadata.name), group, service.spec.version ?? ''),
        freshness: isAvailable(service) ? 'Current' : 'Stale',
      })),
  }
}

/** From an `APIResourceList` to the aggregated form: subresources stand inside of their resource. */
export function aggregated(list: readonly JsonObject[], group: string, version: string): readonly JsonObject[] {
  const own = list.filter(({ name }) => !String(name).includes('/'))
  return own.map((resource) => {
    const { name = '', kind = '', namespaced, singularName = '', verbs = [], shortNames, categories } = resource
    const subresources = list
      .filter((one) => String(one['name']).startsWith(`${String(name)}/`))
      .map((one) => ({
        subresource: String(one['name']).slice(String(name).length + 1),
        responseKind: responseKind(one, group, version),
        verbs: one['verbs'] ?? [],
      }))
    return {
      resource: name,
      responseKind: { group, version, kind },
      scope: namespaced === true ? 'Namespaced' : 'Cluster',
      singularResource: singularName,
      verbs,
      ...(shortNames === undefined ? {} : { shortNames }),
      ...(categories === undefined ? {} : { categories }),
      ...(subresources.length === 0 ? {} : { subresources }),
    }
  })
}

function responseKind(resource: JsonObject, group: string, version: string): JsonObject {
  return { group: resource['group'] ?? group, version: resource['version'] ?? version, kind: resource['kind'] ?? '' }
}
