import { expect, test } from 'vitest'
import { parseQuery } from './query.ts'

const table: readonly (readonly [string, Record<string, string>])[] = [
  ['/x', {}],
  ['/x?', {}],
  ['/x?a=1&b=%20c+d', { a: '1', b: ' c d' }],
  ['/x?a=%zz&b=2', { b: '2' }],
  ['/x?a=1;b=2&c=3', { c: '3' }],
  ['/x?a=%', {}],
]
for (const [url, want] of table) {
  test(`parseQuery() reads ${url}`, () => expect(Object.fromEntries(parseQuery(url))).toEqual(want))
}
