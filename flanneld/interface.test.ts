import { describe, expect, test } from 'vitest'
import type { Family } from './family.ts'
import { chooseExternal, type HostFacts, type InterfaceChoice, parseDevice, parseInterfaces } from './interface.ts'

const inet = (local: string, more: object = {}): object => ({ family: 'inet', local, scope: 'global', ...more })
const inet6 = (local: string, more: object = {}): object => ({ family: 'inet6', local, scope: 'global', ...more })

const facts: HostFacts = {
  interfaces: parseInterfaces([
    { ifname: 'lo', mtu: 65_536, addr_info: [inet('127.0.0.1', { scope: 'host' })] },
    {
      ifname: 'eth0',
      mtu: 1500,
      addr_info: [
        inet('192.168.9.1', { dynamic: true }),
        inet('192.168.0.1'),
        inet6('fe80::1', { scope: 'link' }),
        inet6('2001:db8::7', { temporary: true }),
        inet6('2001:db8::1'),
        inet6('2001:db8::9', { deprecated: true }),
      ],
    },
    { ifname: 'eth1', mtu: 9000, addr_info: [inet('10.1.0.1')] },
    { ifname: 'down0', mtu: 1500, addr_info: [] },
  ]),
  defaultDevices: { ipv4: 'eth0', ipv6: 'eth0' },
  reach: { device: 'eth1', source: '10.1.0.1' },
}
const none: InterfaceChoice = { names: [], patterns: [], wantsReach: false, publicIps: {} }
const both: readonly Family[] = ['ipv4', 'ipv6']

function choose(choice: Partial<InterfaceChoice>, stack: readonly Family[] = ['ipv4'], given = facts): string {
  const { name, addresses, publicIps } = chooseExternal(given, { ...none, ...choice }, stack)
  const texts = stack.map(
    (family) => `${addresses[family]}${publicIps[family] === addresses[family] ? '' : `=${publicIps[family]}`}`,
  )
  return `${name} ${texts.join(' ')}`
}

describe('chooseExternal()', () => {
  const table: readonly (readonly [string, Partial<InterfaceChoice>, readonly Family[], string])[] = [
    ['takes the device of the default route, a fixed address first', {}, ['ipv4'], 'eth0 192.168.0.1'],
    ['takes a lasting global IPv6 address first', {}, ['ipv6'], 'eth0 2001:db8::1'],
    ['takes one device for both families', {}, both, 'eth0 192.168.0.1 2001:db8::1'],
    ['takes the first name that is there', { names: ['absent', 'eth1'] }, ['ipv4'], 'eth1 10.1.0.1'],
    ['takes an address as it is named', { names: ['192.168.9.1'] }, ['ipv4'], 'eth0 192.168.9.1'],
    ['takes an address that is deprecated', { names: ['2001:db8::9'] }, ['ipv6'], 'eth0 2001:db8::9'],
    ['takes a pattern of an address', { patterns: ['^192\\.168\\.9'] }, ['ipv4'], 'eth0 192.168.9.1'],
    ['takes a pattern of a name', { patterns: ['^eth[1-9]$'] }, ['ipv4'], 'eth1 10.1.0.1'],
    [
      'wants a pattern to match an address of both families',
      { patterns: ['^192\\.168\\.9|^2001'] },
      both,
      'eth0 192.168.9.1 2001:db8::1',
    ],
    ['tries names before patterns', { names: ['eth1'], patterns: ['eth0'] }, ['ipv4'], 'eth1 10.1.0.1'],
    ['takes the way to an address', { wantsReach: true }, ['ipv4'], 'eth1 10.1.0.1'],
    ['tries the way to an address last', { names: ['absent'], wantsReach: true }, ['ipv4'], 'eth1 10.1.0.1'],
    ['takes the device that has the public address', { publicIps: { ipv4: '10.1.0.1' } }, ['ipv4'], 'eth1 10.1.0.1'],
    [
      'publishes another address',
      { names: ['eth0'], publicIps: { ipv4: '1.2.3.4' } },
      ['ipv4'],
      'eth0 192.168.0.1=1.2.3.4',
    ],
  ]
  for (const [what, choice, stack, want] of table) {
    test(what, () => expect(choose(choice, stack)).toBe(want))
  }

  const failures: readonly (readonly [string, Partial<InterfaceChoice>, readonly Family[], string])[] = [
    [
      'nothing fits',
      { names: ['absent'], patterns: ['x'] },
      ['ipv4'],
      'Failed to find interface to use that matches the interfaces and/or regexes provided',
    ],
    [
      'an address is nobody’s',
      { publicIps: { ipv4: '1.2.3.4' } },
      ['ipv4'],
      'error looking up interface 1.2.3.4: no interface with given IP found',
    ],
    ['a public address is none', { publicIps: { ipv4: 'x' } }, ['ipv4'], 'invalid public IP address: x'],
    ['a public IPv6 address is none', { publicIps: { ipv6: '1.2.3.4' } }, both, 'invalid public IPv6 address: 1.2.3.4'],
    ['the device has loopback addresses only', { names: ['lo'] }, ['ipv4'], 'Failed to find interface'],
    ['a pattern is broken', { patterns: ['('] }, ['ipv4'], 'Failed to find interface'],
  ]
  for (const [what, choice, stack, message] of failures) {
    test(`fails when ${what}`, () => expect(() => choose(choice, stack)).toThrow(message))
  }

  test('fails without a default route, or with one of each family on two devices', () => {
    expect(() => choose({}, ['ipv4'], { ...facts, defaultDevices: {} })).toThrow(
      'Failed to find any valid interface to use: failed to get default interface: unable to find default route',
    )
    expect(() => choose({}, both, { ...facts, defaultDevices: { ipv4: 'eth0' } })).toThrow(
      'unable to find default v6 route',
    )
    expect(() => choose({}, both, { ...facts, defaultDevices: { ipv4: 'eth0', ipv6: 'eth1' } })).toThrow(
      'v6 default route interface eth1 must be the same with v4 default route interface eth0',
    )
  })

  test('tells why each wish failed', () => {
    const told: string[] = []
    const choice = { ...none, names: ['absent'], patterns: ['['], wantsReach: true }
    chooseExternal(facts, choice, ['ipv4'], (message) => told.push(message))
    expect(told).toHaveLength(2)
    expect(told[0]).toBe(
      'Could not find valid interface matching absent: error looking up interface absent: route ip+net: no such network interface',
    )
    expect(told[1]).toContain("could not compile the IP address regex '['")
  })
})

test('parseDevice() reads what ip prints', () => {
  expect(parseDevice([{ dst: 'default', dev: 'eth0' }])).toEqual({ device: 'eth0' })
  expect(parseDevice([{ dst: '1.1.1.1', dev: 'eth0', prefsrc: '10.0.0.2' }])).toEqual({
    device: 'eth0',
    source: '10.0.0.2',
  })
  expect(parseDevice([])).toBeUndefined()
})
