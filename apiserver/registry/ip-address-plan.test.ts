import { describe, expect, it } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import type { IPAddress, ServiceCIDR } from '../../api/networking/v1.ts'
import { ipAddressDraft, planIpAddresses } from './ip-address-plan.ts'

const service = (name: string, ...clusterIPs: string[]) =>
  ({ metadata: { name, namespace: 'ns' }, spec: { type: 'ClusterIP', clusterIPs } }) as unknown as Service
const labels = (family = 'IPv4') => ({
  'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  'ipaddress.kubernetes.io/ip-family': family,
})
const address = (ip: string, name: string, own: object = labels(), creationTimestamp = '2026-01-01T00:00:00Z') =>
  ({
    metadata: { name: ip, labels: own, creationTimestamp },
    spec: { parentRef: { resource: 'services', namespace: 'ns', name } },
  }) as unknown as IPAddress
const foreign = (ip: string, own: object) =>
  ({ ...address(ip, 'x', own), spec: { parentRef: { group: 'g', resource: 'gateways', name: 'x' } } }) as IPAddress
const serviceCidrs = [{ metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.0.0.0/24', 'fd00::/112'] } }]

type Case = {
  readonly name: string
  readonly services?: readonly Service[]
  readonly addresses?: readonly IPAddress[]
  readonly create?: readonly string[]
  readonly remove?: readonly string[]
  readonly notes?: readonly string[]
}
const cases: readonly Case[] = [
  {
    name: 'has nothing to do when all is right',
    services: [service('a', '10.0.0.1')],
    addresses: [address('10.0.0.1', 'a')],
  },
  {
    name: 'makes what is missing, of both families, but nothing for headless Services',
    services: [service('a', '10.0.0.1', 'fd00::1'), service('h', 'None')],
    create: ['10.0.0.1', 'fd00::1'],
    notes: [
      'Cluster IP [IPv4]: 10.0.0.1 is not allocated; repairing',
      'Cluster IP [IPv6]: fd00::1 is not allocated; repairing',
    ],
  },
  {
    name: 'knows an IPv6 address in any spelling',
    services: [service('a', 'FD00:0::0001')],
    addresses: [address('fd00::1', 'a', labels('IPv6'))],
  },
  {
    name: 'removes what leaked',
    addresses: [address('10.0.0.1', 'a')],
    remove: ['10.0.0.1'],
    notes: ['IPAddress: 10.0.0.1 for Service ns/a appears to have leaked: cleaning up'],
  },
  {
    name: 'removes what its Service does not hold',
    services: [service('a', '10.0.0.2')],
    addresses: [address('10.0.0.1', 'a'), address('10.0.0.2', 'a')],
    remove: ['10.0.0.1'],
    notes: ['IPAddress: 10.0.0.1 for Service ns/a has a wrong reference; cleaning up'],
  },
  {
    name: 'removes what it once made and someone has pointed elsewhere',
    addresses: [foreign('10.0.0.1', labels())],
    remove: ['10.0.0.1'],
    notes: [
      'IPAddress 10.0.0.1 appears to have been modified, not referencing a Service &ParentReference{Group:g,Resource:gateways,Namespace:,Name:x,}: cleaning up',
    ],
  },
  {
    name: 'replaces what points at another Service',
    services: [service('b', '10.0.0.1')],
    addresses: [address('10.0.0.1', 'a')],
    create: ['10.0.0.1'],
    remove: ['10.0.0.1'],
    notes: ['the ClusterIP [IPv4]: 10.0.0.1 for Service ns/b has a wrong reference; repairing'],
  },
  {
    name: 'replaces what points at no Service',
    services: [service('b', '10.0.0.1')],
    addresses: [foreign('10.0.0.1', {})],
    create: ['10.0.0.1'],
    remove: ['10.0.0.1'],
    notes: ['the ClusterIP [IPv4]: 10.0.0.1 for Service ns/b has a wrong reference; repairing'],
  },
  {
    name: 'replaces what has lost its labels',
    services: [service('a', '10.0.0.1')],
    addresses: [address('10.0.0.1', 'a', {})],
    create: ['10.0.0.1'],
    remove: ['10.0.0.1'],
  },
  {
    name: 'leaves one address of two Services where it is',
    services: [service('a', '10.0.0.1'), service('b', '10.0.0.1')],
    addresses: [address('10.0.0.1', 'b')],
    notes: ['Cluster IP [IPv4]:10.0.0.1 was assigned to multiple services; please recreate service'],
  },
  {
    name: 'makes nothing for addresses of no range',
    services: [service('a', '10.0.1.1', 'fd01::1'), service('b', '10.0.0.0'), service('c', '10.0.0.255')],
    notes: ['10.0.1.1', 'fd01::1', '10.0.0.0', '10.0.0.255'].map(
      (ip) =>
        `Cluster IP [${ip.includes(':') ? 'IPv6' : 'IPv4'}]: ${ip} is not within any configured Service CIDR; please recreate service`,
    ),
  },
  {
    name: 'leaves alone what was claimed just now for a Service to come',
    addresses: [address('10.0.0.1', 'a', undefined, '2026-01-01T00:59:30Z')],
  },
  { name: 'leaves alone what others manage', addresses: [address('10.0.0.1', 'a', {}), foreign('10.0.0.2', {})] },
]

describe('planIpAddresses()', () => {
  it.each(cases)('$name', ({ services = [], addresses = [], create = [], remove = [], notes = [] }) => {
    const cidrs = serviceCidrs as unknown as readonly ServiceCIDR[]
    const nowMs = Date.parse('2026-01-01T01:00:00Z')
    const plan = planIpAddresses({ services, addresses, serviceCidrs: cidrs, nowMs })
    expect(plan.create.map((one) => one.address)).toEqual(create)
    expect(plan.remove).toEqual(remove)
    expect(plan.findings.map(({ note }) => note)).toEqual(notes)
  })
})

describe('ipAddressDraft()', () => {
  it.each([
    ['10.0.0.1', 'IPv4'],
    ['fd00::1', 'IPv6'],
  ])('of %s points at the Service and says %s', (ip, family) => {
    expect(ipAddressDraft({ address: ip, namespace: 'ns', service: 'a' })).toMatchObject({
      metadata: { name: ip, labels: { 'ipaddress.kubernetes.io/ip-family': family } },
      spec: { parentRef: { resource: 'services', namespace: 'ns', name: 'a' } },
    })
  })
})
