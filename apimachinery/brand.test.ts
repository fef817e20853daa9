import { expect, test } from 'vitest'
import { namespacedName, objectKey, splitNamespacedName } from './brand.ts'

const table = [
  { namespace: 'ns', key: 'ns/a' },
  { namespace: '', key: 'a' },
  { namespace: undefined, key: 'a' },
]
for (const { namespace, key } of table) {
  test(`objectKey() of the namespace ${namespace} is ${key}, and can be taken apart`, () => {
    expect(objectKey({ metadata: { name: 'a', ...(namespace === undefined ? {} : { namespace }) } })).toBe(key)
    expect(splitNamespacedName(namespacedName(namespace, 'a'))).toEqual({ namespace: namespace ?? '', name: 'a' })
  })
}
