import { describe, expect, it } from 'vitest'
import type { IPAddress, ServiceCIDR } from '../../api/networking/v1.ts'
import { plan, related } from './plan.ts'

const nowMs = Date.parse('2026-01-01T00:01:00Z')
const finalizers = ['networking.k8s.io/service-cidr-finalizer']
const cidr = (name: string, cidrs: readonly string[], metadata: object = {}, conditions: readonly object[] = []) =>
  ({ metadata: { name, ...metadata }, spec: { cidrs }, status: { conditions } }) as unknown as ServiceCIDR
const address = (name: string, labels: object = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' }) =>
  ({ metadata: { name, labels } }) as unknown as IPAddress

function planned(one: ServiceCIDR, others: readonly ServiceCIDR[] = [], addresses: readonly IPAddress[] = []) {
  return plan({ serviceCidr: one, all: [one, ...others], addresses, nowMs })
}
const types = (result: ReturnType<typeof plan>): readonly string[] => result.actions.map(({ type }) => type)

describe('plan()', () => {
  const isReady = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }
  const long = { finalizers, deletionTimestamp: '2026-01-01T00:00:00Z' }

  it('protects a new one and calls it ready', () => {
    expect(types(planned(cidr('a', ['10.0.0.0/24'])))).toEqual(['protect', 'setReady'])
  })

  it('has nothing to do when all is right', () => {
    expect(types(planned(cidr('a', ['10.0.0.0/24'], { finalizers }, [isReady])))).toEqual([])
  })

  it('keeps what the API server says of its own', () => {
    const own = { type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' }
    expect(types(planned(cidr('kubernetes', ['10.0.0.0/24'], { finalizers }, [own])))).toEqual([])
  })

  it('blocks a deletion while an address is in no other range', () => {
    const result = planned(cidr('a', ['10.0.0.0/24'], long), [], [address('10.0.0.9')])
    expect(result.actions[0]).toMatchObject({ type: 'setReady', condition: { status: 'False', reason: 'Terminating' } })
  })

  it.each<[string, readonly ServiceCIDR[], readonly IPAddress[]]>([
    ['without addresses', [], []],
    ['whose addresses are those of others', [], [address('10.0.0.9', {})]],
    ['whose addresses are in another range too', [cidr('b', ['10.0.0.8/29'])], [address('10.0.0.9')]],
    ['inside of another', [cidr('b', ['10.0.0.0/16'])], [address('10.0.0.9')]],
    ['that another one equals', [cidr('b', ['10.0.0.0/24'])], [address('10.0.0.9')]],
  ])('releases one %s', (_, others, addresses) => {
    expect(types(planned(cidr('a', ['10.0.0.0/24'], long), others, addresses))).toEqual(['release'])
  })

  it('waits ten seconds, so that API servers hear of it', () => {
    const short = { finalizers, deletionTimestamp: '2026-01-01T00:00:57Z' }
    expect(planned(cidr('a', ['10.0.0.0/24'], short))).toEqual({ actions: [], requeueAfterMs: 7_000 })
  })

  it('knows addresses of both families', () => {
    const both = cidr('a', ['10.0.0.0/24', '2001:db8::/64'], long)
    expect(types(planned(both, [], [address('2001:db8::5')]))).toEqual(['setReady'])
    expect(types(planned(both, [], [address('2001:db9::5')]))).toEqual(['release'])
  })
})

it.each([
  ['10.0.0.9', ['a']],
  ['10.0.0.0/16', ['a', 'b']],
  ['192.168.0.1', []],
])('related() finds what %s concerns', (text, names) => {
  expect(related(text, [cidr('a', ['10.0.0.0/24']), cidr('b', ['10.0.1.0/24'])])).toEqual(names)
})
