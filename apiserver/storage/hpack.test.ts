import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaders, encodeHeaders, HeaderBlockError } from './hpack.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('decodeHeaders() reads a literal header (RFC 7541 C.2.1)', () => {
  const block = hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')
  expect([...decodeHeaders(block)]).toEqual([['custom-key', 'custom-header']])
})

test('decodeHeaders() reads strings in Huffman code (RFC 7541 C.4.3, the literal)', () => {
  const block = hex('4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')
  expect([...decodeHeaders(block)]).toEqual([['custom-key', 'custom-value']])
})

test('decodeHeaders() reads the status by index and by value, and skips other known names', () => {
  // :status 302 as a literal with the name of index 8 (RFC 7541 C.6.1), cache-control: private behind it.
  expect([...decodeHeaders(hex('4882 6402 5885 aec3 771a 4b'))]).toEqual([[':status', '302']])
  expect([...decodeHeaders(hex('88'))]).toEqual([[':status', '200']])
  expect([...decodeHeaders(hex('20 8d'))]).toEqual([[':status', '404']])
})

test('decodeHeaders() refuses a dynamic table and blocks that end too early', () => {
  expect(() => decodeHeaders(hex('3f e1 1f'))).toThrow(HeaderBlockError)
  expect(() => decodeHeaders(hex('400a 6375'))).toThrow(HeaderBlockError)
})

test('decodeHeaders() gives back what encodeHeaders() wrote', () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,20}$/)
  const value = fc.stringMatching(/^[ -~]{0,300}$/)
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }), (headers) => {
      expect([...decodeHeaders(encodeHeaders(headers))]).toEqual(headers)
    }),
  )
})

test('decodeHeaders() throws nothing but HeaderBlockError', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        decodeHeaders(Buffer.from(bytes))
      } catch (error) {
        expect(error).toBeInstanceOf(HeaderBlockError)
      }
    }),
  )
})
