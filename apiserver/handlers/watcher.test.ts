import { expect, test } from 'vitest'
import { CacheEntry } from '../storage/cache-entry.ts'
import type { CacheEvent } from '../storage/resource-cache.ts'
import { changeFor } from './watcher.ts'

function entry(revision: number, color: string): CacheEntry {
  const object = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', labels: { color } } }
  return CacheEntry.fromStored('/registry/pods/default/a', revision, Buffer.from(JSON.stringify(object)))
}
const isRed = ({ object }: CacheEntry): boolean => object.metadata.labels?.['color'] === 'red'

const table = [
  { name: 'new and matching', type: 'ADDED', before: undefined, after: 'red', want: 'ADDED' },
  { name: 'new and not matching', type: 'ADDED', before: undefined, after: 'blue', want: undefined },
  { name: 'entering the selector', type: 'MODIFIED', before: 'blue', after: 'red', want: 'ADDED' },
  { name: 'staying in the selector', type: 'MODIFIED', before: 'red', after: 'red', want: 'MODIFIED' },
  { name: 'leaving the selector', type: 'MODIFIED', before: 'red', after: 'blue', want: 'DELETED' },
  { name: 'staying outside', type: 'MODIFIED', before: 'blue', after: 'blue', want: undefined },
  { name: 'deleted and matching', type: 'DELETED', before: 'red', after: 'red', want: 'DELETED' },
  { name: 'deleted and not matching', type: 'DELETED', before: 'blue', after: 'blue', want: undefined },
] as const

for (const { name, type, before, after, want } of table) {
  test(`changeFor() shows an object that is ${name} as ${want ?? 'nothing'}`, () => {
    const event: CacheEvent = {
      type,
      entry: entry(2, after),
      previous: before === undefined ? undefined : entry(1, before),
      revision: 2,
      atMs: 0,
    }
    expect(changeFor(event, isRed)).toBe(want)
  })
}
