import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAddress, parseAddress, parsePrefix, prefixContains, prefixIncludes } from './address.ts'

const canonical = [
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['0:0:1::', '0:0:1::'],
  ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0'],
  ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
  ['::', '::'],
  ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
  ['::1.2.3.4', '::102:304'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['10.0.0.1', '10.0.0.1'],
] as const
for (const [text, want] of canonical) {
  test(`formatAddress() writes ${text} as ${want}`, () => expect(formatAddress(parseAddress(text))).toBe(want))
}

test('parseAddress() takes what the platform takes, and reads its own spelling back', () => {
  const part = fc.constantFrom('0', '1', 'ffff', 'a0', ':', '::', '.', '1.2.3.4', '255', '256', '01', 'g', '')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      const parsed = tryParse(text)
      expect(parsed !== undefined, text).toBe(isIP(text) !== 0)
      if (parsed !== undefined) expect(parseAddress(formatAddress(parsed))).toEqual(parsed)
    }),
    { numRuns: 2_000 },
  )
})

function tryParse(text: string) {
  try {
    return parseAddress(text)
  } catch {
    return undefined
  }
}

const contained = [
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.1.2.3/8', '10.0.0.0', true],
  ['0.0.0.0/0', '::', false],
  ['192.168.1.7/31', '192.168.1.6', true],
  ['192.168.1.7/32', '192.168.1.6', false],
  ['2001:db8::/33', '2001:db8:8000::', false],
] as const
for (const [prefix, address, want] of contained) {
  test(`prefixContains() says ${want} of ${address} in ${prefix}`, () =>
    expect(prefixContains(parsePrefix(prefix), parseAddress(address))).toBe(want))
}

test('prefixIncludes() wants all of the inner prefix', () => {
  const outer = parsePrefix('10.0.0.0/9')
  expect(
    ['10.0.0.0/9', '10.127.0.0/16', '10.0.0.0/8', '10.128.0.0/16'].map((text) =>
      prefixIncludes(outer, parsePrefix(text)),
    ),
  ).toEqual([true, true, false, false])
})
