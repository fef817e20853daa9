import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  contains,
  formatAddress,
  formatSubnet,
  hardwareAddress,
  lastAddress,
  parseAddress,
  parseSubnet,
} from './address.ts'

test('formatAddress() writes what parseAddress() read, for IPv4', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const address = parseAddress(text)
      expect(address === undefined ? '' : formatAddress(address)).toBe(text)
    }),
  )
})

test('parseAddress() reads back what formatAddress() wrote, for IPv6', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text)
      if (address === undefined) throw new Error(text)
      expect(parseAddress(formatAddress(address))).toEqual(address)
    }),
  )
})

const forms = [
  ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
  ['::', '::'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['::ffff:10.0.0.1', '::ffff:a00:1'],
] as const
for (const [text, want] of forms) {
  test(`formatAddress() writes ${text} as ${want}`, () => {
    const address = parseAddress(text)
    expect(address === undefined ? '' : formatAddress(address)).toBe(want)
  })
}

for (const text of ['', '10.0.0', '10.0.0.256', 'fe80::1%eth0', 'x']) {
  test(`parseAddress() refuses "${text}"`, () => expect(parseAddress(text)).toBeUndefined())
}

test('parseSubnet() masks the base and keeps the address', () => {
  const subnet = parseSubnet('10.244.1.7/24')
  if (subnet === undefined) throw new Error('no subnet')
  expect(formatSubnet(subnet)).toBe('10.244.1.0/24')
  expect(formatAddress(subnet.address)).toBe('10.244.1.7')
  expect(formatAddress(lastAddress(subnet))).toBe('10.244.1.255')
  expect(contains(subnet, subnet.address)).toBe(true)
  expect(hardwareAddress(subnet.address)).toBe('0a:58:0a:f4:01:07')
})

for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/8', 'x/8']) {
  test(`parseSubnet() refuses "${text}"`, () => expect(parseSubnet(text)).toBeUndefined())
}
