/** What kinds the server has, as far as controllers that work on all of them need to know. */
import type { ApiObject } from '../api/resource.ts'
import type { Client } from '../client/rest/client.ts'
import type { ResourceRef } from '../client/rest/resource-refs.ts'

/** One kind of the server. */
export type DiscoveredResource = ResourceRef<ApiObject> & { readonly verbs: readonly string[] }

/** All kinds in their preferred version, and the group-versions that did not answer. */
export type Discovery = {
  readonly resources: readonly DiscoveredResource[]
  readonly failures: readonly { readonly groupVersion: string; readonly message: string }[]
}

type ApiResource = {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}
type GroupList = {
  readonly groups: readonly {
    readonly name: string
    readonly versions: readonly { readonly groupVersion: string; readonly version: string }[]
    readonly preferredVersion?: { readonly groupVersion: string; readonly version: string }
  }[]
}

/** Asks the server. A group that does not answer is named, and the rest still counts. */
export async function discover(client: Client, signal: AbortSignal): Promise<Discovery> {
  const { groups } = await client.raw<GroupList>({ method: 'GET', path: '/apis' }, signal)
  const wanted = [
    { group: '', version: 'v1', path: '/api/v1' },
    ...groups.flatMap(({ name, versions, preferredVersion }) =>
      [preferredVersion ?? versions[0], ...versions].flatMap((entry) =>
        entry === undefined ? [] : [{ group: name, version: entry.version, path: `/apis/${name}/${entry.version}` }],
      ),
    ),
  ]
  const seen = new Set<string>()
  const resources: DiscoveredResource[] = []
  const failures: { groupVersion: string; message: string }[] = []
  const asked = new Set<string>()
  for (const { group, version, path } of wanted) {
    if (asked.has(path)) continue
    asked.add(path)
    try {
      const list = await client.raw<{ readonly resources: readonly ApiResource[] }>({ method: 'GET', path }, signal)
      for (const { name: plural, kind, namespaced, verbs } of list.resources) {
        if (plural.includes('/') || seen.has(`${plural}.${group}`)) continue
        seen.add(`${plural}.${group}`)
        resources.push({ group, version, plural, kind, namespaced, verbs })
      }
    } catch (error) {
      signal.throwIfAborted()
      const groupVersion = group === '' ? version : `${group}/${version}`
      failures.push({ groupVersion, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return { resources, failures }
}

/** `deployments.apps`, `pods`. */
export function resourceText({ plural, group }: { readonly plural: string; readonly group: string }): string {
  return group === '' ? plural : `${plural}.${group}`
}

/** `deployments.apps`-like text with its version, as upstream prints it in conditions: `pods.`, `deployments.apps`. */
export function groupResourceText({ plural, group }: { readonly plural: string; readonly group: string }): string {
  return `${plural}.${group}`
}
