import { expect, test } from 'vitest'
import { decodeSocketAddress, encodeSocketAddress, socketAddressSize } from './socket-address.ts'

test.each([
  ['10.1.2.3', 53, '0200' + '0035' + '0a010203' + '0000000000000000'],
  ['fd00::1:2', 8080, `0a00${'1f90'}00000000${'fd000000000000000000000000010002'}00000000`],
])('encodeSocketAddress() and decodeSocketAddress() know the bytes of %s port %i', (address, port, hex) => {
  const bytes = encodeSocketAddress(address, port)
  expect(bytes.toString('hex')).toBe(hex)
  expect(socketAddressSize(bytes)).toBe(bytes.length)
  expect(decodeSocketAddress(bytes)).toEqual({ address, port })
})

test('encodeSocketAddress() takes no name', () => {
  expect(() => encodeSocketAddress('localhost', 53)).toThrow('Not an address: localhost')
})
