import { describe, expect, test } from 'vitest'
import { type Link, parseLink } from '../routes/links.ts'
import { dualLeaseOf, leaseOf, subnetOf } from '../testing.ts'
import { diffLeases, expandCommand, variablesOf } from './extension.ts'
import { ipipRoutes, planIpip } from './ipip.ts'

const lease = leaseOf('extension', '10.0.2.0/24', { publicIp: '192.168.0.2', backendData: 'aa:bb' })

describe('extension', () => {
  const table = [
    ['ip route add $SUBNET via $PUBLIC_IP', ['ip', 'route', 'add', '10.0.2.0/24', 'via', '192.168.0.2']],
    [`ip route add "$SUBNET" via \${PUBLIC_IP}`, ['ip', 'route', 'add', '10.0.2.0/24', 'via', '192.168.0.2']],
    ["echo '$SUBNET; rm' $UNKNOWN x", ['echo', '10.0.2.0/24; rm', '', 'x']],
    ['', []],
  ] as const
  for (const [command, want] of table) {
    test(`expandCommand() of ${command}`, () => expect(expandCommand(command, variablesOf(lease))).toEqual(want))
  }
  test('expandCommand() keeps a value one word, whatever is in it', () => {
    expect(expandCommand('echo $X', { X: 'a; $(b) "c"' })).toEqual(['echo', 'a; $(b) "c"'])
  })
  test('variablesOf() names both families', () => {
    const dual = dualLeaseOf(
      'extension',
      ['10.0.2.0/24', { publicIp: '1.2.3.4' }],
      ['fd00::/64', { publicIp: 'fd01::2' }],
    )
    expect(variablesOf(dual)).toEqual({
      SUBNET: '10.0.2.0/24',
      PUBLIC_IP: '1.2.3.4',
      IPV6SUBNET: 'fd00::/64',
      PUBLIC_IPV6: 'fd01::2',
    })
    expect(variablesOf(lease)).toMatchObject({ IPV6SUBNET: '', PUBLIC_IPV6: '' })
  })
  test('diffLeases() tells of new hosts, of changed ones and of those that are gone', () => {
    const moved = leaseOf('extension', '10.0.2.0/24', { publicIp: '192.168.0.9', backendData: 'aa:bb' })
    const known = new Map([
      ['a', lease],
      ['b', lease],
      ['c', lease],
    ])
    const next = new Map([
      ['a', lease],
      ['b', moved],
      ['d', moved],
    ])
    expect(diffLeases(known, next)).toEqual({ added: [moved, moved], removed: [lease] })
  })
})

describe('ipip', () => {
  test('ipipRoutes() goes through the tunnel, or around it to a host on our link', () => {
    const other = leaseOf('ipip', '10.0.3.0/24', { publicIp: '192.168.0.3' })
    expect(ipipRoutes([{ ...lease, backendType: 'ipip' }, other, lease], 'eth0', (ip) => ip === '192.168.0.3')).toEqual(
      [
        { destination: subnetOf('10.0.2.0/24'), via: '192.168.0.2', device: 'flannel.ipip', isOnLink: true },
        { destination: subnetOf('10.0.3.0/24'), via: '192.168.0.3', device: 'eth0', isOnLink: true },
      ],
    )
  })
  const link = (kind: string, data: object): Link | undefined =>
    parseLink([{ linkinfo: { info_kind: kind, info_data: data } }])
  const table = [
    [undefined, 'make'],
    [link('ipip', { local: '192.168.0.1', remote: 'any' }), 'keep'],
    [link('ipip', { local: '192.168.0.1' }), 'keep'],
    [link('ipip', { local: '192.168.0.7', remote: 'any' }), 'replace'],
    [link('ipip', { local: '192.168.0.1', remote: '192.168.0.2' }), 'replace'],
  ] as const
  for (const [observed, want] of table) {
    test(`planIpip() for ${observed === undefined ? 'nothing' : JSON.stringify([...observed.data])}`, () =>
      expect(planIpip(observed, '192.168.0.1')).toBe(want))
  }
  test('planIpip() leaves a device of another type to its owner', () => {
    expect(() => planIpip(link('dummy', {}), '192.168.0.1')).toThrow(
      "flannel.ipip isn't an ipip mode device, please remove device and try again",
    )
  })
})
