import { expect, test } from 'vitest'
import { manifestsFor } from './addons.ts'
import { certificateRequests } from './certificates.ts'
import { nodeLayout } from './layout.ts'
import { localFlags, localOptions } from './options.ts'
import { flannelConfiguration, programsOf } from './programs.ts'
import { createProgress } from './progress.ts'
import { formatStatus } from './status.ts'
import { nextAttempt, pauseMs } from './supervisor.ts'

const paths = { node: '/usr/bin/node', dist: '/opt/kubets/dist' }
const defaults = {
  nodes: 2,
  backend: '',
  'ip-family': 'ipv4',
  'proxy-mode': 'iptables',
  'no-load-balancer': false,
  'no-ingress': false,
  'control-plane-only': false,
}
const options = {
  nodes: 2,
  backend: 'udp',
  ipFamily: 'ipv4',
  proxyMode: 'iptables',
  hasLoadBalancer: true,
  hasIngress: true,
} as const

test('programsOf() starts the control plane once and eight programs on each node', () => {
  const names = programsOf(options, paths).map(({ name }) => name)
  expect(names.slice(0, 4)).toEqual(['etcd', 'apiserver', 'controller-manager', 'scheduler'])
  expect(names.filter((name) => name.startsWith('kubets-node-2/')).map((name) => name.split('/')[1])).toEqual([
    'cni',
    'containerd',
    'kubelet',
    'flanneld',
    'kube-proxy',
    'dns',
    'service-lb',
    'ingress',
  ])
  expect(new Set(names).size).toBe(names.length)
})

test('programsOf() leaves out what was switched off', () => {
  const names = programsOf({ ...options, hasLoadBalancer: false, hasIngress: false }, paths).map(({ name }) => name)
  expect(names.filter((name) => /service-lb|ingress/.test(name))).toEqual([])
})

test('programsOf() gives no two programs the same log', () => {
  const logs = programsOf({ ...options, nodes: 3 }, paths).map(({ log }) => log)
  expect(new Set(logs).size).toBe(logs.length)
})

test('localOptions() refuses what cannot be run', () => {
  expect(() => localOptions({ ...defaults, nodes: 10 })).toThrow('--nodes must be a whole number from 1 to 9')
  expect(() => localOptions({ ...defaults, nodes: 0 })).toThrow('--nodes must be a whole number from 1 to 9')
  expect(() => localOptions({ ...defaults, backend: 'carrier-pigeon' })).toThrow('--backend must be')
  expect(localOptions({ ...defaults, 'control-plane-only': true }).nodes).toBe(0)
  expect(Object.keys(localFlags)).toEqual(Object.keys(defaults))
})

test('localOptions() takes a backend that carries the families', () => {
  expect(localOptions(defaults)).toMatchObject({ backend: 'udp', ipFamily: 'ipv4' })
  expect(localOptions({ ...defaults, 'ip-family': 'dual' })).toMatchObject({ backend: 'vxlan', ipFamily: 'dual' })
  expect(() => localOptions({ ...defaults, 'ip-family': 'dual', backend: 'udp' })).toThrow('carries IPv4 alone')
  expect(() => localOptions({ ...defaults, 'ip-family': 'dual', backend: 'ipip' })).toThrow('carries IPv4 alone')
  expect(localOptions({ ...defaults, 'ip-family': 'dual', backend: 'wireguard' })).toMatchObject({
    backend: 'wireguard',
  })
  expect(() => localOptions({ ...defaults, 'ip-family': 'ipv5' })).toThrow('--ip-family must be ipv4, ipv6 or dual')
})

const flagsOf = (ipFamily: 'ipv4' | 'ipv6' | 'dual', name: string) =>
  programsOf({ ...options, ipFamily, backend: 'vxlan' }, paths).find((program) => program.name === name)?.command

test('programsOf() gives the programs the ranges of both families', () => {
  expect(flagsOf('dual', 'apiserver')).toEqual(
    expect.arrayContaining([
      '--bind-address=::',
      '--advertise-address=172.31.240.1',
      '--service-cluster-ip-range=10.96.0.0/12,fd00:10:96::/112',
    ]),
  )
  expect(flagsOf('dual', 'controller-manager')).toContain('--cluster-cidr=10.244.0.0/16,fd00:10:244::/56')
  expect(flagsOf('dual', 'kubets-node-2/kubelet')).toContain('--node-ip=172.31.240.12,fd00:172:31:240::12')
  expect(flagsOf('ipv6', 'kubets-node-1/dns')).toContain('--bind-address=fd00:172:31:240::11')
})

test('flannelConfiguration() enables the families of the cluster', () => {
  expect(flannelConfiguration({ ipFamily: 'dual', backend: 'host-gw' })).toEqual({
    Network: '10.244.0.0/16',
    IPv6Network: 'fd00:10:244::/56',
    EnableIPv4: true,
    EnableIPv6: true,
    Backend: { Type: 'host-gw' },
  })
  expect(flannelConfiguration({ ipFamily: 'ipv6', backend: 'vxlan' })).toMatchObject({ EnableIPv4: false })
})

test('certificateRequests() gives each kubelet the identity of its node', () => {
  const request = certificateRequests(1).find(({ file }) => file === nodeLayout(1).name)
  expect(request).toMatchObject({
    commonName: 'system:node:kubets-node-1',
    organization: 'system:nodes',
    usages: ['client'],
  })
})

test('manifestsFor() puts every node behind the DNS Service', () => {
  const slice = manifestsFor([nodeLayout(1), nodeLayout(2)], options).find(
    ({ metadata }) => metadata.name === 'kube-dns-nodes',
  )
  expect(slice).toMatchObject({ endpoints: [{ addresses: ['172.31.240.11'] }, { addresses: ['172.31.240.12'] }] })
  expect(manifestsFor([], options).map(({ kind }) => kind)).not.toContain('Service')
})

test('ingress is reached by a load balancer, or by the addresses of the nodes where there is none', () => {
  const flagsOf = (given: Partial<typeof options> | { readonly hasLoadBalancer: false }): readonly string[] =>
    programsOf({ ...options, ...given }, paths).find(({ name }) => name === 'kubets-node-1/ingress')?.command ?? []
  expect(flagsOf({})).toContain('--publish-service=kube-system/ingress')
  expect(flagsOf({ hasLoadBalancer: false })).toContain('--publish-status-address=172.31.240.11,172.31.240.12')
  const kinds = (hasLoadBalancer: boolean) =>
    manifestsFor([nodeLayout(1)], { ...options, hasLoadBalancer }).filter(({ metadata }) => metadata.name === 'ingress')
  expect([kinds(true), kinds(false)].map(({ length }) => length)).toEqual([1, 0])
})

test('the supervisor starts a program again at once, and then with growing pauses', () => {
  let attempt = nextAttempt(undefined, 0)
  expect(pauseMs(attempt, 1)).toBe(0)
  const pauses = []
  for (let failure = 0; failure < 8; failure++) {
    attempt = nextAttempt(attempt, 0)
    pauses.push(pauseMs(attempt, 0))
  }
  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000])
  expect(nextAttempt(attempt, 60_000).failures).toBe(1)
})

test('step() says which step failed, why, and where the log is', async () => {
  const { step } = createProgress(
    () => {},
    () => 0,
  )
  const failing = step('etcd', async () => await Promise.reject(new Error('wait', { cause: new Error('refused.') })), {
    log: '/l',
  })
  await expect(failing).rejects.toThrow('The step "etcd" failed: wait: refused. Its log: /l')
})

test('formatStatus() shows what runs and what does not', () => {
  const text = formatStatus([
    { name: 'etcd', pid: 7, bytes: 3 * 1024 * 1024, log: '/l/etcd.log' },
    { name: 'apiserver', pid: undefined, bytes: 0, log: '/l/apiserver.log' },
  ])
  expect(text.split('\n').map((line) => line.split(/\s+/).slice(0, 4))).toEqual([
    ['PROGRAM', 'STATE', 'PID', 'MEMORY'],
    ['etcd', 'running', '7', '3'],
    ['apiserver', 'stopped', '-', '-'],
    [''],
  ])
})
