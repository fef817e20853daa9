/** What the lifecycle tests ask of one collection of objects, and what upstream asks of every collection alike. */
import { expect } from 'vitest'
import type { RawAnswer, RawEvent, RawWatch } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import type { ConformanceCluster } from './fixture.ts'

/** Unchecked, as in the client. */
type Json = RawAnswer['json']
type PatchType = 'merge' | 'strategic-merge' | 'json'

/** The collection of one kind, with requests that fail the test unless they succeed. */
export type Collection = {
  readonly create: (object: object) => Promise<Json>
  /** An object, or one of its subresources as `name/status`. */
  readonly get: (name: string) => Promise<Json>
  /** What a selector of labels finds; everything without one. */
  readonly list: (selector?: string) => Promise<Json>
  /** Reads, lets `change` alter the object, and writes it back; again when somebody else was quicker. */
  readonly replace: (
    name: string,
    change: (object: Json) => void,
    subresource?: '/status' | '/approval',
  ) => Promise<Json>
  readonly patch: (name: string, body: unknown, type?: PatchType) => Promise<Json>
  readonly remove: (name: string, options?: object) => Promise<Json>
  readonly removeAll: (selector: string, options?: object) => Promise<Json>
  /** Waits until the object is not there any more. */
  readonly gone: (name: string) => Promise<void>
  /** Waits until nothing is left that the selector finds. */
  readonly empty: (selector: string) => Promise<void>
  readonly watch: (selector: string, resourceVersion: string) => Promise<RawWatch>
}

/** The collection below a path such as `/apis/apps/v1/namespaces/x/deployments`. */
export function collectionAt({ send, expectCode, watch }: ConformanceCluster, path: string): Collection {
  const list: Collection['list'] = async (selector = '') =>
    await expectCode(200, `${path}?labelSelector=${encodeURIComponent(selector)}`)
  return {
    create: async (body) => await expectCode(201, path, { method: 'POST', body }),
    get: async (name) => await expectCode(200, `${path}/${name}`),
    list,
    replace: async (name, change, subresource = '' as '/status') =>
      await eventually(`an update of ${name}`, async () => {
        const body = await expectCode(200, `${path}/${name}`)
        change(body)
        const answer = await send(`${path}/${name}${subresource}`, { method: 'PUT', body })
        if (answer.code !== 200 && answer.code !== 409) throw new Error(answer.text)
        return answer.code === 200 && answer.json
      }),
    patch: async (name, body, type = 'merge') =>
      await expectCode(200, `${path}/${name}`, {
        method: 'PATCH',
        body,
        contentType: `application/${type}-patch+json`,
      }),
    remove: async (name, options) => {
      const answer = await send(`${path}/${name}`, { method: 'DELETE', ...(options && { body: options }) })
      expect([200, 202], answer.text).toContain(answer.code)
      return answer.json
    },
    removeAll: async (selector, options) =>
      await expectCode(200, `${path}?labelSelector=${encodeURIComponent(selector)}`, {
        method: 'DELETE',
        ...(options && { body: options }),
      }),
    gone: async (name) => {
      await eventually(`the end of ${name}`, async () => (await send(`${path}/${name}`)).code === 404)
    },
    empty: async (selector) => {
      await eventually(`the end of ${selector}`, async () => (await list(selector)).items.length === 0)
    },
    watch: async (selector, resourceVersion) =>
      await watch(`${path}?watch=1&labelSelector=${encodeURIComponent(selector)}&resourceVersion=${resourceVersion}`),
  }
}

/** The first event that `holds`, whatever comes before. */
export async function untilEvent(watch: RawWatch, holds: (event: RawEvent) => boolean): Promise<RawEvent> {
  for (;;) {
    const event = await watch.next()
    if (holds(event)) return event
  }
}

/** Fails unless the text is a revision that compares with others (KEP-5504). */
export function expectResourceVersion(object: Json): void {
  expect(object.metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/)
}

/** Fails unless the second object is a later version than the first. */
export function expectLater(before: Json, after: Json): void {
  expectResourceVersion(after)
  expect(BigInt(after.metadata.resourceVersion)).toBeGreaterThan(BigInt(before.metadata.resourceVersion))
}

/** Fails unless group, version and resources stand in all three discovery documents. */
export async function expectDiscovered(
  { expectCode }: ConformanceCluster,
  {
    group,
    version,
    resources,
  }: { readonly group: string; readonly version: string; readonly resources: readonly string[] },
): Promise<void> {
  const { groups } = await expectCode(200, '/apis')
  const versionsOf = (one: Json): string[] => one.versions.map((entry: Json) => entry.version)
  expect(versionsOf(groups.find(({ name }: Json) => name === group))).toContain(version)
  expect(versionsOf(await expectCode(200, `/apis/${group}`))).toContain(version)
  const found = await expectCode(200, `/apis/${group}/${version}`)
  expect(found.resources.map(({ name }: Json) => name)).toEqual(expect.arrayContaining([...resources]))
}

export type Operations = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly resource: string
  readonly subresources?: readonly string[]
  readonly namespace?: string
  /** What an object is made of besides `metadata`. */
  readonly fields: object
  /** More than labels and annotations that a patch and an update change. */
  readonly patched?: object
  readonly updated?: (object: Json) => void
  /** What is to be tried on the object before it is deleted. */
  readonly further?: (items: Collection, name: string) => Promise<void>
}

/** Create, get, list, watch, patch, update, delete and deletecollection of a kind, after upstream's common course. */
export async function supportsOperations(cluster: ConformanceCluster, operations: Operations): Promise<void> {
  const { group, version, kind, resource, namespace, subresources = [] } = operations
  await expectDiscovered(cluster, {
    group,
    version,
    resources: [resource, ...subresources.map((name) => `${resource}/${name}`)],
  })
  const base = `/apis/${group}/${version}`
  const items = collectionAt(cluster, `${base}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${resource}`)
  const selector = `conformance=${resource}`
  const metadata = { generateName: 'conformance-', labels: { conformance: resource } }
  const object = { apiVersion: `${group}/${version}`, kind, metadata, ...operations.fields }
  await items.create(object)
  await items.create(object)
  const created = await items.create(object)
  const { name, uid } = created.metadata
  const read = await items.get(name)
  expect(read.metadata.uid).toBe(uid)
  expectResourceVersion(read)

  const all = collectionAt(cluster, `${base}/${resource}`)
  const listed = await items.list(selector)
  expect(listed.items).toHaveLength(3)
  expect((await all.list(selector)).items).toHaveLength(3)
  const watches = [
    await items.watch(selector, listed.metadata.resourceVersion),
    await all.watch(selector, listed.metadata.resourceVersion),
  ]

  const patched = await items.patch(name, { metadata: { annotations: { patched: 'true' } }, ...operations.patched })
  expect(patched.metadata.annotations).toMatchObject({ patched: 'true' })
  expect(patched).toMatchObject(operations.patched ?? {})
  expectLater(read, patched)
  const updated = await items.replace(name, (next) => {
    next.metadata.annotations.updated = 'true'
    operations.updated?.(next)
  })
  expect(updated.metadata.annotations).toMatchObject({ patched: 'true', updated: 'true' })
  for (const watch of watches) {
    const seen = await untilEvent(watch, (event) => event.object.metadata.annotations?.updated === 'true')
    expect(seen).toMatchObject({ type: 'MODIFIED', object: { kind, metadata: { uid } } })
    watch.close()
  }

  await operations.further?.(items, name)

  await items.remove(name)
  await items.gone(name)
  expect((await items.list(selector)).items).toHaveLength(2)
  await items.removeAll(selector)
  await items.empty(selector)
}
