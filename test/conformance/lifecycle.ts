/** The course that upstream takes with every kind that nothing else works on: made, changed, found, ended; twice. */
import { expect } from 'vitest'
import { type Collection, expectLater, expectResourceVersion } from './operations.ts'
import type { Labels } from './workloads.ts'

/** What to make of a name and labels. */
export type Make = (name: string, labels: Labels) => object

/**
 * Creates, reads, patches, lists and deletes one object, then creates another one, updates it, and deletes it as a
 * collection. Returns nothing: each step fails by itself.
 */
export async function runsThroughLifecycle(
  items: Collection,
  make: Make,
  [first, second]: readonly [string, string],
): Promise<void> {
  const labels = { lifecycle: first }
  const selector = `lifecycle=${first}`
  const created = await items.create(make(first, labels))
  expectResourceVersion(created)
  const read = await items.get(first)
  expect(read.metadata).toMatchObject({ name: first, uid: created.metadata.uid })
  const patched = await items.patch(first, { metadata: { labels: { [first]: 'patched' } } }, 'strategic-merge')
  expect(patched.metadata.labels).toMatchObject({ ...labels, [first]: 'patched' })
  expectLater(created, patched)
  const found = (await items.list(`${first}=patched`)).items
  expect(found.map(({ metadata }: { metadata: { uid: string } }) => metadata.uid)).toEqual([created.metadata.uid])
  await items.remove(first)
  await items.gone(first)

  await items.create(make(second, labels))
  const updated = await items.replace(second, ({ metadata }) => {
    metadata.labels[second] = 'updated'
  })
  expect(updated.metadata.labels).toMatchObject({ ...labels, [second]: 'updated' })
  expect((await items.list(selector)).items).toHaveLength(1)
  await items.removeAll(`${second}=updated`)
  await items.gone(second)
  expect((await items.list(selector)).items).toEqual([])
}
