/** Discovery documents: what is served, derived from the resources. Pure. */
import { createHash } from 'node:crypto'
import type { ResourceFacts } from '../../api/facts/resources.ts'
import type { Resource } from '../../api/resource.ts'
import type { RemoteDiscovery } from '../aggregator/discovery.ts'
import { groupPriorities } from '../bootstrap/api-services.ts'
import type { ResourceRegistry, ServedGroup } from '../registry/resource-registry.ts'

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** The order of groups decides which one `kubectl get x` means when several have an `x`. */
function sortedGroups(registry: ResourceRegistry, remote: readonly ServedGroup[] = []): readonly ServedGroup[] {
  const order = Object.keys(groupPriorities)
  const rank = ({ group }: ServedGroup): number => {
    const at = order.indexOf(group)
    return at === -1 ? order.length : at
  }
  return [...registry.groups(), ...remote].toSorted((a, b) => rank(a) - rank(b) || (a.group < b.group ? -1 : 1))
}

/** `/api`. */
export function apiVersions(serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  }
}

/** `/apis`. */
export function apiGroupList(registry: ResourceRegistry, remote: RemoteDiscovery): object {
  const groups = sortedGroups(registry, remote.groups()).filter(({ group }) => group !== '')
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupBody) }
}

/** `/apis/{group}`; `undefined` when it is not served. */
export function apiGroup(registry: ResourceRegistry, group: string, remote: RemoteDiscovery): object | undefined {
  const served = [...registry.groups(), ...remote.groups()].find((one) => one.group === group)
  return served === undefined || group === '' ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(served) }
}

function groupBody({ group, versions }: ServedGroup): object {
  const named = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions: named, preferredVersion: named[0] }
}

/** `/api/v1` and `/apis/{group}/{version}`; `undefined` when it is not served. */
export function apiResourceList(registry: ResourceRegistry, group: string, version: string): object | undefined {
  const resources = registry.inGroupVersion(group, version)
  if (resources.length === 0) return undefined
  const groupVersion = group === '' ? version : `${group}/${version}`
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion,
    resources: resources.toSorted(byPlural).flatMap(resourceBodies),
  }
}

function byPlural(a: Resource, b: Resource): number {
  return a.facts.plural < b.facts.plural ? -1 : 1
}

function resourceBodies(resource: Resource): readonly object[] {
  const { facts } = resource
  const own = {
    name: facts.plural,
    singularName: facts.singular,
    namespaced: facts.namespaced,
    kind: facts.kind,
    verbs: facts.verbs ?? allVerbs,
    ...(facts.shortNames === undefined ? {} : { shortNames: facts.shortNames }),
    ...(facts.categories === undefined ? {} : { categories: facts.categories }),
    ...(facts.storagePrefix === undefined ? {} : { storageVersionHash: storageVersionHash(resource) }),
  }
  const subresources = Object.entries(facts.subresources ?? {}).map(([name, sub]) => ({
    name: `${facts.plural}/${name}`,
    singularName: '',
    namespaced: facts.namespaced,
    ...(isSameVersion(sub, facts) ? {} : { group: sub.group, version: sub.version }),
    kind: sub.kind,
    verbs: sub.verbs,
  }))
  return [own, ...subresources]
}

type GroupVersion = { readonly group: string; readonly version: string }

function isSameVersion(a: GroupVersion, b: GroupVersion): boolean {
  return a.group === b.group && a.version === b.version
}

/** Tells clients when the stored form of a kind has changed. Source: upstream's `discovery.StorageVersionHash`. */
function storageVersionHash({ facts, storedAs }: Resource): string {
  const { group, version, kind } = storedAs?.facts ?? facts
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
}

/** The aggregated form of `/api` (`core`) and `/apis`. Source: `apidiscovery.k8s.io/v2`. */
export function aggregatedDiscovery(registry: ResourceRegistry, core: boolean, remote: RemoteDiscovery): object {
  const remoteGroups = remote.groups()
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: sortedGroups(registry, remoteGroups)
      .filter(({ group }) => (group === '') === core)
      .map((served) => ({
        metadata: served.group === '' ? {} : { name: served.group },
        versions: remoteGroups.includes(served) ? remote.versions(served.group) : ownVersions(registry, served),
      })),
  }
}

function ownVersions(registry: ResourceRegistry, { group, versions }: ServedGroup): readonly object[] {
  return versions.map((version) => ({
    version,
    resources: registry.inGroupVersion(group, version).toSorted(byPlural).map(aggregatedResource),
    freshness: 'Current',
  }))
}

function aggregatedResource({ facts }: Resource): object {
  const subresources = Object.entries(facts.subresources ?? {}).map(([subresource, sub]) => ({
    subresource,
    responseKind: responseKind(sub, facts),
    verbs: sub.verbs,
  }))
  return {
    resource: facts.plural,
    responseKind: responseKind(facts, facts),
    scope: facts.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: facts.singular,
    verbs: facts.verbs ?? allVerbs,
    ...(facts.shortNames === undefined ? {} : { shortNames: facts.shortNames }),
    ...(facts.categories === undefined ? {} : { categories: facts.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}

/** Group and version stay empty where they are those of the list itself. */
function responseKind(of: GroupVersion & { readonly kind: string }, facts: ResourceFacts): object {
  return isSameVersion(of, facts)
    ? { group: '', version: '', kind: of.kind }
    : { group: of.group, version: of.version, kind: of.kind }
}
