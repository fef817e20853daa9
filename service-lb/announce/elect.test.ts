import { expect, test } from 'vitest'
import { classes, node, poolOf, service, slice } from '../testing.ts'
import { elect, type Snapshot } from './elect.ts'

const names = ['node-1', 'node-2', 'node-3']
const pool = poolOf('192.0.2.0/24')

function electWith(facts: Partial<Snapshot>): ReadonlyMap<string, string> {
  const nodes = facts.nodes ?? names.map((name) => node(name))
  const alive = new Set(nodes.map(({ metadata }) => metadata.name))
  const snapshot = {
    services: [service('a', { has: ['192.0.2.1'] })],
    slicesOf: () => [],
    nodes,
    alive,
    pool,
    classes,
    ...facts,
  }
  return new Map(elect(snapshot).map(({ address, node: name }) => [address, name]))
}

test('elect() gives every address one node, and spreads them', () => {
  const services = Array.from({ length: 60 }, (_, index) => service(`s${index}`, { has: [`192.0.2.${index}`] }))
  const chosen = electWith({ services })
  expect(chosen.size).toBe(60)
  expect(new Set(chosen.values())).toEqual(new Set(names))
})

test('elect() moves only the addresses of the node that went', () => {
  const services = Array.from({ length: 60 }, (_, index) => service(`s${index}`, { has: [`192.0.2.${index}`] }))
  const before = electWith({ services })
  const after = electWith({ services, alive: new Set(['node-1', 'node-3']) })
  for (const [address, name] of before) if (name !== 'node-2') expect(after.get(address)).toBe(name)
  expect([...after.values()]).not.toContain('node-2')
})

test('elect() does not depend on the order of nodes', () => {
  const nodes = names.map((name) => node(name))
  expect(electWith({ nodes: nodes.toReversed() })).toEqual(electWith({ nodes }))
})

const table = [
  { name: 'a node that is not ready', nodes: [node('node-1', { ready: 'False' }), node('node-2')] },
  { name: 'a node of which nothing is heard', nodes: [node('node-1', { ready: 'Unknown' }), node('node-2')] },
  {
    name: 'a node that is excluded by label',
    nodes: [
      node('node-1', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
      node('node-2'),
    ],
  },
  {
    name: 'a node that will be removed',
    nodes: [node('node-1', { taint: 'ToBeDeletedByClusterAutoscaler' }), node('node-2')],
  },
]
for (const { name, nodes } of table) {
  test(`elect() passes over ${name}`, () => {
    const services = Array.from({ length: 20 }, (_, index) => service(`s${index}`, { has: [`192.0.2.${index}`] }))
    expect(new Set(electWith({ services, nodes }).values())).toEqual(new Set(['node-2']))
  })
}

const local = service('a', { has: ['192.0.2.1'], spec: { externalTrafficPolicy: 'Local' } })
const localTable = [
  {
    name: 'nodes with ready endpoints',
    endpoints: { 'node-2': { ready: true }, 'node-1': { ready: false } },
    want: ['node-2'],
  },
  { name: 'nodes with endpoints that say nothing', endpoints: { 'node-3': {} }, want: ['node-3'] },
  {
    name: 'nodes whose last endpoints still serve',
    endpoints: { 'node-3': { ready: false, serving: true, terminating: true }, 'node-1': { ready: false } },
    want: ['node-3'],
  },
  { name: 'nobody when there is no endpoint', endpoints: {}, want: [] },
]
for (const { name, endpoints, want } of localTable) {
  test(`elect() with externalTrafficPolicy Local takes ${name}`, () => {
    expect([...electWith({ services: [local], slicesOf: () => [slice('a', endpoints)] }).values()]).toEqual(want)
  })
}

test('elect() leaves addresses that others gave', () => {
  const services = [
    service('outside', { has: ['198.51.100.1'] }),
    service('class', { has: ['192.0.2.5'], spec: { loadBalancerClass: 'example.com/x' } }),
    service('type', { has: ['192.0.2.6'], spec: { type: 'ClusterIP' } }),
  ]
  expect(electWith({ services }).size).toBe(0)
})

test('elect() keeps the address of a Service that is being deleted until it is given back', () => {
  expect(electWith({ services: [service('a', { has: ['192.0.2.1'], isDeleted: true })] }).size).toBe(1)
})
