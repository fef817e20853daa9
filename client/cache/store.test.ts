import { expect, test } from 'vitest'
import type { ApiObject } from '../../api/resource.ts'
import { Store } from './store.ts'

function object(name: string, node: string): ApiObject & { readonly node: string } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', uid: name, resourceVersion: '1', creationTimestamp: '' },
    node,
  }
}

test('byIndex() follows an object that moves and one that goes', () => {
  const store = new Store<ReturnType<typeof object>>()
  store.set('ns/a', object('a', 'n1'))
  store.addIndex('node', ({ node }) => [node])
  store.set('ns/b', object('b', 'n1'))
  expect(store.byIndex('node', 'n1').map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
  store.set('ns/a', object('a', 'n2'))
  expect(store.byIndex('node', 'n1')).toHaveLength(1)
  expect(store.byIndex('node', 'n2')).toHaveLength(1)
  store.delete('ns/b')
  expect(store.byIndex('node', 'n1')).toEqual([])
  expect(() => store.byIndex('zone', 'x')).toThrow('no index zone')
})
