import { expect, test } from 'vitest'
import type { Causes } from './causes.ts'
import { validateCidr, validateIp, validateLegacyCidr, validateLegacyIp } from './ip-validation.ts'

const noIp = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const noCidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
const texts = (causes: Causes) => causes.map(({ message }) => message?.replace(/^Invalid value: ".*?": /, ''))

const addresses: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['10.0.0.1', [], []],
  ['fd00::1', [], []],
  ['', [noIp], [noIp]],
  ['10.0.0', [noIp], [noIp]],
  ['10.0.0.256', [noIp], [noIp]],
  ['10.0.0.1/32', [noIp], [noIp]],
  ['fe80::1%eth0', [noIp], [noIp]],
  ['00001::1', [noIp], [noIp]],
  ['010.000.0.1', ['must not have leading 0s'], ['must not have leading 0s']],
  ['::ffff:1.2.3.04', ['must not have leading 0s'], ['must not have leading 0s']],
  ['::ffff:1.2.3.4', ['must not be an IPv4-mapped IPv6 address'], ['must not be an IPv4-mapped IPv6 address']],
  ['FD00::1', [], ['must be in canonical form ("fd00::1")']],
  ['2001:db8:0:0::1', [], ['must be in canonical form ("2001:db8::1")']],
]
for (const [value, legacy, strict] of addresses) {
  test(`validateLegacyIp and validateIp judge "${value}"`, () => {
    expect(texts(validateLegacyIp('f', value))).toEqual(legacy)
    expect(texts(validateIp('f', value))).toEqual(strict)
  })
}

const zeros = 'must not have leading 0s in IP or prefix length'
const ranges: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['10.0.0.0/8', [], []],
  ['::/0', [], []],
  ['1.2.3.4/32', [], []],
  ['', [noCidr], [noCidr]],
  ['10.0.0.0', [noCidr], [noCidr]],
  ['10.0.0.0/33', [noCidr], [noCidr]],
  ['10.0.0.0/-1', [noCidr], [noCidr]],
  ['10.0.0.0/8/8', [noCidr], [noCidr]],
  ['010.0.0.0/8', [zeros], [zeros]],
  ['10.0.0.0/08', [zeros], [zeros]],
  ['::ffff:1.2.3.0/120', ['must not have an IPv4-mapped IPv6 address'], ['must not have an IPv4-mapped IPv6 address']],
  [
    '10.0.0.1/8',
    ['must not have bits set beyond the prefix length'],
    ['must not have bits set beyond the prefix length'],
  ],
  ['FD00::/64', [], ['must be in canonical form ("fd00::/64")']],
]
for (const [value, legacy, strict] of ranges) {
  test(`validateLegacyCidr and validateCidr judge "${value}"`, () => {
    expect(texts(validateLegacyCidr('f', value))).toEqual(legacy)
    expect(texts(validateCidr('f', value))).toEqual(strict)
  })
}
