import { expect, test } from 'vitest'
import { requestKind, Watermark } from './watermark.ts'

test('Watermark shows the most of the last whole second', () => {
  const mark = new Watermark()
  mark.advance(10_000)
  for (let at = 0; at < 5; at++) mark.add('readOnly')
  for (let at = 0; at < 4; at++) mark.remove('readOnly')
  expect(mark.highest('readOnly')).toBe(0)
  mark.advance(10_500)
  expect(mark.highest('readOnly')).toBe(0)
  mark.advance(11_000)
  expect(mark.highest('readOnly')).toBe(5)
  expect(mark.highest('mutating')).toBe(0)
  mark.advance(12_000)
  expect(mark.highest('readOnly')).toBe(1)
})

test.each([
  ['get', 'readOnly'],
  ['watch', 'readOnly'],
  ['deletecollection', 'mutating'],
  ['post', 'mutating'],
])('requestKind(%s) is %s', (verb, want) => {
  expect(requestKind(verb)).toBe(want)
})
