import { expect, it } from 'vitest'
import { isExpired, serverId } from './identity-lease.ts'

it('serverId() is what upstream calls a server on that host', () => {
  expect(serverId('vm')).toBe('apiserver-wlv32tlttr4jl3gtroqexyxapa')
})

it.each([
  ['2026-01-01T00:00:00.000000Z', 3600, false],
  ['2025-12-31T22:59:00.000000Z', 3600, true],
])('isExpired() of a Lease renewed at %s for %i s is %s', (renewTime, leaseDurationSeconds, expired) => {
  expect(isExpired({ spec: { renewTime, leaseDurationSeconds } }, Date.parse('2026-01-01T00:00:00Z'))).toBe(expired)
})

it('isExpired() takes a Lease that says nothing for expired', () => {
  expect(isExpired({}, 0)).toBe(true)
})
