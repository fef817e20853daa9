import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressBytes,
  addressFromBytes,
  contains,
  covers,
  formatAddress,
  formatSubnet,
  lastAddress,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
  subnetPart,
} from './ip-address.ts'

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
  const parsed = parseSubnet('10.244.1.7/24')
  if (parsed === undefined) throw new Error('no subnet')
  expect(formatSubnet(parsed)).toBe('10.244.1.0/24')
  expect(formatAddress(parsed.address)).toBe('10.244.1.7')
  expect(formatAddress(lastAddress(parsed))).toBe('10.244.1.255')
  expect(contains(parsed, parsed.address)).toBe(true)
})

test.each(['10.0.0.0/8', 'fd00::/8', '::/0', '2001:db8:0:1::/64', '2001:db8::1:0:0:1/128', '1:2:3:4:5:6:7:8/128'])(
  'formatSubnet() writes %s as it was read',
  (text) => {
    expect(formatSubnet(subnet(text))).toBe(text)
  },
)

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

test.each([
  ['10.0.0.0/8', '10.244.0.0/16', true, true],
  ['10.244.0.0/16', '10.0.0.0/8', true, false],
  ['10.0.0.0/16', '10.1.0.0/16', false, false],
  ['fd00::/64', 'fd00::/112', true, true],
  ['0.0.0.0/0', '::/0', false, false],
])('overlaps() and covers() of %s and %s are %s and %s', (a, b, overlap, cover) => {
  expect(overlaps(subnet(a), subnet(b))).toBe(overlap)
  expect(covers(subnet(a), subnet(b))).toBe(cover)
})

test.each([
  ['10.244.0.0/16', 24, 255, '10.244.255.0/24'],
  ['10.244.0.0/16', 24, 256, ''],
  ['10.244.0.0/16', 8, 0, ''],
  ['fd00:10:244::/48', 64, 1, 'fd00:10:244:1::/64'],
])('subnetPart() of %s into /%i: number %i is "%s"', (outer, prefix, index, want) => {
  const part = subnetPart(subnet(outer), prefix, index)
  expect(part === undefined ? '' : formatSubnet(part)).toBe(want)
})

for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/8', 'x/8', 'fd00::/129', '10.0.0.0/']) {
  test(`parseSubnet() refuses "${text}"`, () => expect(parseSubnet(text)).toBeUndefined())
}

test('addressFromBytes() reads what addressBytes() writes, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text)
      expect(address === undefined ? undefined : addressFromBytes(addressBytes(address))).toEqual(address)
    }),
  )
  expect(addressBytes({ value: 0x0a60_0001n, bits: 32 })).toEqual(Buffer.from([10, 96, 0, 1]))
  expect(addressFromBytes(Buffer.alloc(5))).toBeUndefined()
})
