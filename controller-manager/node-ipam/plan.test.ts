import { expect, test } from 'vitest'
import type { Node } from '../../api/core/v1.ts'
import { parseSubnet, type Subnet } from '../../component-base/ip-address.ts'
import { type Observed, plan, takenBy } from './plan.ts'

function cidr(text: string): Subnet {
  const parsed = parseSubnet(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

function node(name: string, podCIDR?: string): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
    status: {} as Node['status'],
  }
}

const pools: Observed['pools'] = [{ range: cidr('10.244.0.0/22'), nodePrefix: 24 }]
const others = (...cidrs: string[]) =>
  takenBy(
    cidrs.map((text, at) => node(`other${at}`, text)),
    [],
  )

test.each([
  [[], '10.244.0.0/24'],
  [['10.244.0.0/24', '10.244.2.0/24'], '10.244.1.0/24'],
  [['10.244.0.0/23'], '10.244.2.0/24'],
])('plan() beside %j gives %s', (taken, expected) => {
  expect(plan({ node: node('n'), pools, taken: others(...taken) }).actions).toMatchObject([{ cidrs: [expected] }])
})

test('plan() leaves a node the range that it has', () => {
  expect(plan({ node: node('n', '10.244.9.0/24'), pools, taken: [] }).actions).toEqual([])
})

test('plan() says so when the range is used up', () => {
  const taken = others('10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24')
  expect(plan({ node: node('n'), pools, taken }).actions).toMatchObject([{ type: 'reportExhausted' }])
})

test('plan() keeps clear of the range of Services', () => {
  const taken = takenBy([], ['10.244.0.0/23'])
  expect(plan({ node: node('n'), pools, taken }).actions).toMatchObject([{ cidrs: ['10.244.2.0/24'] }])
})

test('plan() gives one range of each family', () => {
  const dual = [...pools, { range: cidr('fd00:10:244::/48'), nodePrefix: 64 }]
  const taken = takenBy([node('other', 'fd00:10:244::/64')], [])
  expect(plan({ node: node('n'), pools: dual, taken }).actions).toMatchObject([
    { cidrs: ['10.244.0.0/24', 'fd00:10:244:1::/64'] },
  ])
})
