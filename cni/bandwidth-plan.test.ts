import { expect, test } from 'vitest'
import { hostEnd, ifbName, parseLimits, planBandwidth, queueFault } from './bandwidth-plan.ts'
import type { NetworkConfig } from './protocol.ts'

const config = (more: object): NetworkConfig => ({ cniVersion: '1.0.0', name: 'net', type: 'bandwidth', ...more })
const at = { host: 'veth1', mtu: 1472, ifb: 'bwp1', network: 'net' }

const limits = [
  { what: 'nothing', given: {}, want: {} },
  { what: 'zeros as no limit', given: { ingressRate: 0, ingressBurst: 0 }, want: {} },
  {
    what: 'the configuration’s own',
    given: { ingressRate: 8, ingressBurst: 80, runtimeConfig: { bandwidth: { egressRate: 1, egressBurst: 1 } } },
    want: { ingress: { rate: 8, burst: 80 } },
  },
  {
    what: 'the runtime’s, as containerd spells them',
    given: {
      runtimeConfig: { bandwidth: { IngressRate: 1e6, IngressBurst: 4294967295, EgressRate: 2e6, EgressBurst: 16 } },
    },
    want: { ingress: { rate: 1e6, burst: 4_294_967_295 }, egress: { rate: 2e6, burst: 16 } },
  },
  { what: 'a runtime without limits', given: { runtimeConfig: { bandwidth: null } }, want: {} },
]
for (const { what, given, want } of limits) {
  test(`parseLimits() takes ${what}`, () => expect(parseLimits(config(given))).toEqual(want))
}

const refusals = [
  [{ ingressRate: 8 }, 'if rate is set, burst must also be set'],
  [{ egressBurst: 8 }, 'if burst is set, rate must also be set'],
  [{ egressRate: 1, egressBurst: 8 * 0xffff_ffff }, 'burst cannot be more than 4GB'],
  [{ egressRate: '1', egressBurst: 8 }, 'failed to parse network configuration: egressRate is no unsigned integer'],
  [{ egressRate: -1, egressBurst: 8 }, 'failed to parse network configuration: egressRate is no unsigned integer'],
] as const
for (const [given, message] of refusals) {
  test(`parseLimits() refuses ${JSON.stringify(given)}`, () =>
    expect(() => parseLimits(config(given))).toThrow(message))
}

test('ifbName() is what upstream’s plugin would call the device', () => {
  // printf cbr0abc | sha512sum
  expect(ifbName('cbr0', 'abc')).toBe('bwp64e75f641d11')
  expect(ifbName('cbr0', 'abc')).not.toBe(ifbName('cbr0', 'abd'))
})

test('planBandwidth() limits what goes to the container where it leaves the host', () => {
  expect(planBandwidth({ ingress: { rate: 1_000_000, burst: 8_000 } }, at)).toEqual({
    links: [],
    queues: ['qdisc add dev veth1 root handle 1: tbf rate 1000000bit burst 1000b latency 25ms'],
  })
})

test('planBandwidth() leads what the container sends through a device of its own', () => {
  expect(planBandwidth({ egress: { rate: 2_000, burst: 8_000 } }, at)).toEqual({
    links: ['link add bwp1 mtu 1472 type ifb', 'link set dev bwp1 alias cni-bandwidth:net up'],
    queues: [
      'qdisc add dev veth1 ingress',
      'filter add dev veth1 parent ffff: protocol all prio 1 u32 match u32 0 0 flowid 1:1 action mirred egress redirect dev bwp1',
      'qdisc add dev bwp1 root handle 1: tbf rate 2000bit burst 1000b latency 25ms',
    ],
  })
})

const links = [{ ifindex: 7, ifname: 'veth1', mtu: 1472 }]
const result = { interfaces: [{ name: 'cni0' }, { name: 'veth1' }], ips: [], routes: [], dns: {} }
test('hostEnd() finds the veth’s other end, or says in upstream’s words why not', () => {
  expect(hostEnd(result, 'eth0', 7, links)).toBe(links[0])
  expect(() => hostEnd({ ...result, interfaces: [] }, 'eth0', 7, links)).toThrow('no interfaces provided')
  expect(() => hostEnd(result, 'eth0', 0, links)).toThrow('container interface eth0 has no veth peer')
  expect(() => hostEnd(result, 'eth0', 8, links)).toThrow('veth peer with index 8 is not in host ns')
  const inside = { ...result, interfaces: [{ name: 'veth1', sandbox: '/run/netns/x' }] }
  expect(() => hostEnd(inside, 'eth0', 7, links)).toThrow('no veth peer of container interface found in host ns')
})

const faults = [
  [{ kind: 'tbf', root: true, options: { rate: 1_000, burst: 999 } }, undefined],
  [{ kind: 'tbf', root: true, options: { rate: 999, burst: 1_000 } }, "Rate doesn't match"],
  [{ kind: 'tbf', root: true, options: { rate: 1_000, burst: 2_000 } }, "Buffer doesn't match"],
  [{ kind: 'noqueue', root: true, options: {} }, 'Failed to find qdisc'],
] as const
for (const [queue, fault] of faults) {
  test(`queueFault() finds ${fault ?? 'none'} in ${JSON.stringify(queue)}`, () => {
    expect(queueFault([{ kind: 'ingress', options: {} }, queue], { rate: 8_000, burst: 8_000 })).toBe(fault)
  })
}

test('queueFault() overlooks a burst that the kernel cannot tell', () => {
  const queue = { kind: 'tbf', root: true, options: { rate: 1_000, burst: 5 } }
  expect(queueFault([queue], { rate: 8_000, burst: 4_294_967_295 })).toBeUndefined()
})
