import { expect, test } from 'vitest'
import { ExecError } from '../../component-base/exec.ts'
import { parseIpsets } from '../../netfilter/ipset.ts'
import type { Iptables } from '../../netfilter/iptables.ts'
import { parseVirtualServers } from '../../test/fixtures/ipvsadm.ts'
import { cleanUpIpvs, renderIpvsRemoval } from './cleanup.ts'
import { FakeKernel } from './fake-kernel.ts'

const { signal } = new AbortController()

function fakeIptables(saved: string): Iptables & { readonly scripts: readonly string[] } {
  const scripts: string[] = []
  return {
    ...{ family: 'ip', tool: 'iptables', scripts },
    restore: async (script) => void scripts.push(script),
    save: async (table) => saved.replace('TABLE', table),
    hasChain: async () => true,
    deleteRule: async () => false,
  }
}

function usedKernel(): FakeKernel {
  const kernel = new FakeKernel()
  kernel.servers = new Map(
    parseVirtualServers('-A -t 10.96.0.1:80 -s rr\n-A -t 192.0.2.7:80 -s rr\n-A -t [fd00:10:96::1]:80 -s rr'),
  )
  kernel.sets = new Map(
    parseIpsets(
      'create KUBE-CLUSTER-IP hash:ip,port family inet\ncreate KUBE-6-CLUSTER-IP hash:ip,port family inet6\ncreate other hash:ip family inet',
    ),
  )
  kernel.addresses = new Set(['10.96.0.1', 'fd00:10:96::1'])
  return kernel
}

test('cleanUpIpvs() takes one family away and leaves the other and strangers alone', async () => {
  const kernel = usedKernel()
  const options = { tools: kernel.tools, iptables: fakeIptables(''), excludeCidrs: ['192.0.2.0/24'], next: undefined }
  await cleanUpIpvs({ ...options, family: 'ip' }, signal)
  expect([...kernel.servers.keys()]).toEqual(['tcp 192.0.2.7:80', 'tcp [fd00:10:96::1]:80'])
  expect([...kernel.sets.keys()]).toEqual(['KUBE-6-CLUSTER-IP', 'other'])
  expect([...(kernel.addresses ?? [])]).toEqual(['fd00:10:96::1'])
  await cleanUpIpvs({ ...options, family: 'ip6' }, signal)
  expect([...kernel.servers.keys()]).toEqual(['tcp 192.0.2.7:80'])
  expect([...kernel.sets.keys()]).toEqual(['other'])
  expect(kernel.addresses).toBeUndefined()
})

test('cleanUpIpvs() leaves what established connections need to the mode that took over, until they have ended', async () => {
  const kernel = new FakeKernel()
  kernel.servers = new Map(
    parseVirtualServers(`-A -t 10.96.0.1:80 -s rr
-a -t 10.96.0.1:80 -r 10.244.0.5:8080 -m -w 1
-a -t 10.96.0.1:80 -r 10.244.0.6:8080 -m -w 1
-A -t 10.96.0.2:80 -s rr
-a -t 10.96.0.2:80 -r 10.244.0.5:8080 -m -w 1
-A -u 10.96.0.3:53 -s rr
-a -u 10.96.0.3:53 -r 10.244.0.5:53 -m -w 1`),
  )
  kernel.addresses = new Set(['10.96.0.1', '10.96.0.2', '10.96.0.3'])
  const count = (active: number, inactive: number) => new Map([['10.244.0.5:8080', { active, inactive }]])
  kernel.connections.set('tcp 10.96.0.1:80', count(1, 0))
  kernel.connections.set('tcp 10.96.0.2:80', count(0, 3))
  const options = { tools: kernel.tools, iptables: fakeIptables(''), excludeCidrs: [], family: 'ip' } as const
  expect(await cleanUpIpvs({ ...options, next: 'nftables' }, signal)).toBe(false)
  expect([...kernel.servers.keys()]).toEqual(['tcp 10.96.0.1:80'])
  expect([...(kernel.servers.get('tcp 10.96.0.1:80')?.realServers ?? [])]).toEqual([
    ['10.244.0.5:8080', 0],
    ['10.244.0.6:8080', 0],
  ])
  expect([...kernel.addresses]).toEqual(['10.96.0.1'])
  kernel.connections.set('tcp 10.96.0.1:80', count(0, 1))
  expect(await cleanUpIpvs({ ...options, next: 'nftables' }, signal)).toBe(true)
  expect(kernel.servers.size).toBe(0)
  expect(kernel.addresses).toBeUndefined()
})

test('cleanUpIpvs() waits for no connection where no mode takes over', async () => {
  const kernel = usedKernel()
  kernel.connections.set('tcp 10.96.0.1:80', new Map([['10.244.0.5:8080', { active: 1, inactive: 0 }]]))
  const options = { tools: kernel.tools, iptables: fakeIptables(''), excludeCidrs: [], family: 'ip' } as const
  expect(await cleanUpIpvs({ ...options, next: undefined }, signal)).toBe(true)
  expect([...kernel.servers.keys()]).toEqual(['tcp [fd00:10:96::1]:80'])
})

test('cleanUpIpvs() leaves the virtual servers of others alone where kube-proxy never was', async () => {
  const kernel = new FakeKernel()
  kernel.servers = new Map(parseVirtualServers('-A -t 192.0.2.7:80 -s rr'))
  const options = { family: 'ip', tools: kernel.tools, excludeCidrs: [], next: undefined } as const
  await cleanUpIpvs({ ...options, iptables: fakeIptables('') }, signal)
  expect(kernel.servers.size).toBe(1)
  expect(kernel.scripts).toEqual([])
})

test('cleanUpIpvs() has nothing to do where there is no ipset', async () => {
  const kernel = new FakeKernel()
  const error = new ExecError('spawn ipset ENOENT', { exitCode: undefined, stdout: '', stderr: '' }, undefined)
  const ipset = { ...kernel.ipset, save: async () => await Promise.reject(error) }
  const options = { family: 'ip', iptables: fakeIptables(''), excludeCidrs: [], next: undefined } as const
  await cleanUpIpvs({ ...options, tools: { ...kernel.tools, ipset } }, signal)
  expect(kernel.scripts).toEqual([])
})

const present = new Map([
  ['INPUT', ['-j OTHER', '-m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER']],
  [
    'FORWARD',
    [
      '-m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
      '-m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
      '-m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    ],
  ],
  ['KUBE-IPVS-FILTER', []],
  ['KUBE-FORWARD', []],
  ['KUBE-PROXY-FIREWALL', []],
  ['KUBE-SOURCE-RANGES-FIREWALL', []],
  ['OTHER', []],
])

test('renderIpvsRemoval() removes jumps as often as they are there, whoever wrote them, and then the chains', () => {
  expect(renderIpvsRemoval(new Map([['filter', present]]), undefined).map((script) => script.split('\n'))).toEqual([
    [
      '*filter',
      '-D INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER',
      '-D FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
      '-D FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
      '-D FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
      'COMMIT',
      '',
    ],
    [
      '*filter',
      ':KUBE-IPVS-FILTER - [0:0]',
      ':KUBE-FORWARD - [0:0]',
      ':KUBE-PROXY-FIREWALL - [0:0]',
      ':KUBE-SOURCE-RANGES-FIREWALL - [0:0]',
      '-X KUBE-IPVS-FILTER',
      '-X KUBE-FORWARD',
      '-X KUBE-PROXY-FIREWALL',
      '-X KUBE-SOURCE-RANGES-FIREWALL',
      'COMMIT',
      '',
    ],
  ])
})

test('renderIpvsRemoval() leaves mode iptables the chains and jumps that it shares', () => {
  expect(renderIpvsRemoval(new Map([['filter', present]]), 'iptables').map((script) => script.split('\n'))).toEqual([
    [
      '*filter',
      '-D INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER',
      '-D FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
      'COMMIT',
      '',
    ],
    [
      '*filter',
      ':KUBE-IPVS-FILTER - [0:0]',
      ':KUBE-SOURCE-RANGES-FIREWALL - [0:0]',
      '-X KUBE-IPVS-FILTER',
      '-X KUBE-SOURCE-RANGES-FIREWALL',
      'COMMIT',
      '',
    ],
  ])
})
