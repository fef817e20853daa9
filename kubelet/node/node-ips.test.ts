import { expect, test } from 'vitest'
import { hostNetworkIps, nodeIpsOf, sortPodIps } from './node-ips.ts'

const machine = ['192.0.2.7', '192.0.2.8', '2001:db8::7']

test.each([
  ['', machine, ['192.0.2.7']],
  ['', ['2001:db8::7'], ['2001:db8::7']],
  ['', [], []],
  ['10.0.0.1', machine, ['10.0.0.1']],
  ['::', machine, ['2001:db8::7']],
  ['0.0.0.0', machine, ['192.0.2.7']],
  ['10.0.0.1,fd00::1', machine, ['10.0.0.1', 'fd00::1']],
  [' fd00::1 , 10.0.0.1 ', machine, ['fd00::1', '10.0.0.1']],
  ['10.0.0.1,x', machine, ['10.0.0.1']],
])('nodeIpsOf() of "%s" on a machine with %j is %j', (flag, addresses, want) => {
  expect(nodeIpsOf(flag, addresses)).toEqual(want)
})

test.each([
  ['10.0.0.1,10.0.0.2', 'must contain either a single IP or a dual-stack pair of IPs'],
  ['10.0.0.1,fd00::1,fd00::2', 'must contain either a single IP or a dual-stack pair of IPs'],
  ['10.0.0.1,::', "dual-stack node IP cannot include '0.0.0.0' or '::'"],
])('nodeIpsOf() refuses "%s"', (flag, message) => {
  expect(() => nodeIpsOf(flag, machine)).toThrow(`bad --node-ip "${flag}": ${message}`)
})

test.each([
  [
    ['fd00::5', '10.244.0.5'],
    ['10.0.0.1', 'fd00::1'],
    ['10.244.0.5', 'fd00::5'],
  ],
  [
    ['10.244.0.5', 'fd00::5'],
    ['fd00::1', '10.0.0.1'],
    ['fd00::5', '10.244.0.5'],
  ],
  [['fd00::5'], ['10.0.0.1'], ['fd00::5']],
  [['10.244.0.5', '10.244.0.6'], [], ['10.244.0.5']],
  [[], ['10.0.0.1'], []],
])('sortPodIps() of %j on a node with %j is %j', (ips, nodeIps, want) => {
  expect(sortPodIps(ips, nodeIps)).toEqual(want)
})

test.each([
  [[], ['10.0.0.1', 'fd00::1'], ['10.0.0.1', 'fd00::1']],
  [['10.0.0.9'], ['10.0.0.1', 'fd00::1'], ['10.0.0.9', 'fd00::1']],
  [['fd00::9'], ['10.0.0.1', 'fd00::1'], ['fd00::9']],
  [['10.0.0.9', 'fd00::9'], ['10.0.0.1'], ['10.0.0.9', 'fd00::9']],
  [['10.0.0.9'], ['10.0.0.1'], ['10.0.0.9']],
])('hostNetworkIps() of a pod with %j on a node with %j are %j', (kept, nodeIps, want) => {
  expect(hostNetworkIps(kept, nodeIps)).toEqual(want)
})
