import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import { statusAddresses } from '../services.ts'
import { classes, poolOf, service } from '../testing.ts'
import { type Action, plan } from './plan.ts'

const pool = poolOf('192.0.2.10-192.0.2.12', '2001:db8::10-2001:db8::11')
const dual = { ipFamilies: ['IPv4', 'IPv6'] }

/** What is done about the first of these Services, in short. */
function planOf(
  mine: Service,
  others: readonly Service[] = [],
  options: { pool?: typeof pool; classes?: typeof classes } = {},
): readonly string[] {
  const all = [mine, ...others]
  const holdersOf = (address: string) => all.filter((each) => statusAddresses(each).includes(address))
  return plan({ service: mine, pool, classes, holdersOf, hasNodes: true, ...options }).actions.map(short)
}

function short(action: Action): string {
  if (action.type === 'ensure') return `ensure ${action.addresses.join()}`
  return action.type === 'refuse' ? `refuse: ${action.message}` : action.type
}

const used = (...addresses: readonly string[]) =>
  addresses.map((address) => service(`other-${address}`, { has: [address] }))

const table: readonly {
  readonly name: string
  readonly plan: () => readonly string[]
  readonly want: readonly string[]
}[] = [
  { name: 'gives the first free address', plan: () => planOf(service('a')), want: ['ensure 192.0.2.10'] },
  {
    name: 'skips addresses that others have',
    plan: () => planOf(service('a'), used('192.0.2.10', '192.0.2.11')),
    want: ['ensure 192.0.2.12'],
  },
  {
    name: 'leaves a Service that has its address',
    plan: () => planOf(service('a', { has: ['192.0.2.12'] })),
    want: [],
  },
  {
    name: 'ensures a Service whose finalizer is missing, with the address it has',
    plan: () => planOf(service('a', { has: ['192.0.2.12'], isHeld: false })),
    want: ['ensure 192.0.2.12'],
  },
  {
    name: 'refuses when all addresses are in use',
    plan: () => planOf(service('a'), used('192.0.2.10', '192.0.2.11', '192.0.2.12')),
    want: ['refuse: all 3 addresses of the IPv4 pool are in use'],
  },
  {
    name: 'gives one address of each family',
    plan: () => planOf(service('a', { spec: { ...dual, ipFamilyPolicy: 'RequireDualStack' } })),
    want: ['ensure 192.0.2.10,2001:db8::10'],
  },
  {
    name: 'gives the families in the order of the Service',
    plan: () => planOf(service('a', { spec: { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' } })),
    want: ['ensure 2001:db8::10,192.0.2.10'],
  },
  {
    name: 'gives a Service that prefers two families the one there is',
    plan: () =>
      planOf(service('a', { spec: { ...dual, ipFamilyPolicy: 'PreferDualStack' } }), [], { pool: poolOf('192.0.2.7') }),
    want: ['ensure 192.0.2.7'],
  },
  {
    name: 'refuses a Service that requires two families when there is one',
    plan: () =>
      planOf(service('a', { spec: { ...dual, ipFamilyPolicy: 'RequireDualStack' } }), [], {
        pool: poolOf('192.0.2.7'),
      }),
    want: ['refuse: no address pool has IPv6 addresses'],
  },
  {
    name: 'adds the second family to a Service that became dual stack',
    plan: () => planOf(service('a', { has: ['192.0.2.12'], spec: { ...dual, ipFamilyPolicy: 'RequireDualStack' } })),
    want: ['ensure 192.0.2.12,2001:db8::10'],
  },
  {
    name: 'takes the second family from a Service that became single stack',
    plan: () => planOf(service('a', { has: ['192.0.2.12', '2001:db8::11'] })),
    want: ['ensure 192.0.2.12'],
  },
  {
    name: 'heeds spec.loadBalancerIP',
    plan: () => planOf(service('a', { spec: { loadBalancerIP: '192.0.2.11' } })),
    want: ['ensure 192.0.2.11'],
  },
  {
    name: 'heeds the annotation before spec.loadBalancerIP',
    plan: () =>
      planOf(
        service('a', {
          spec: { loadBalancerIP: '192.0.2.11' },
          annotations: { 'kubets.io/load-balancer-ips': '192.0.2.12' },
        }),
      ),
    want: ['ensure 192.0.2.12'],
  },
  {
    name: 'heeds one wish per family, however it is written',
    plan: () =>
      planOf(
        service('a', {
          spec: { ...dual, ipFamilyPolicy: 'RequireDualStack' },
          annotations: { 'kubets.io/load-balancer-ips': '2001:DB8:0::11, 192.0.2.11' },
        }),
      ),
    want: ['ensure 192.0.2.11,2001:db8::11'],
  },
  {
    name: 'moves a Service to the address it asks for',
    plan: () => planOf(service('a', { has: ['192.0.2.10'], spec: { loadBalancerIP: '192.0.2.11' } })),
    want: ['ensure 192.0.2.11'],
  },
  {
    name: 'refuses an address that another has',
    plan: () => planOf(service('a', { spec: { loadBalancerIP: '192.0.2.11' } }), used('192.0.2.11')),
    want: ['refuse: load balancer IP "192.0.2.11" is in use by Service default/other-192.0.2.11'],
  },
  {
    name: 'takes the address from a Service that asks for one it cannot have',
    plan: () => planOf(service('a', { has: ['192.0.2.10'], spec: { loadBalancerIP: '198.51.100.1' } })),
    want: ['clear', 'refuse: load balancer IP "198.51.100.1" is in no address pool'],
  },
  {
    name: 'refuses what is no address',
    plan: () => planOf(service('a', { annotations: { 'kubets.io/load-balancer-ips': 'next' } })),
    want: ['refuse: invalid load balancer IP "next"'],
  },
  {
    name: 'refuses an address of a family that the Service has not',
    plan: () => planOf(service('a', { spec: { loadBalancerIP: '2001:db8::10' } })),
    want: ['refuse: the Service has no address family IPv6 for load balancer IP "2001:db8::10"'],
  },
  {
    name: 'refuses two addresses of one family',
    plan: () => planOf(service('a', { annotations: { 'kubets.io/load-balancer-ips': '192.0.2.10,192.0.2.11' } })),
    want: ['refuse: more than one load balancer IP of family IPv4 is asked for'],
  },
  {
    name: 'gives a new address when the pool has the old one no more',
    plan: () => planOf(service('a', { has: ['192.0.2.99'] })),
    want: ['ensure 192.0.2.10'],
  },
  {
    name: 'moves the younger of two that have the same address',
    plan: () =>
      planOf(service('a', { has: ['192.0.2.10'], created: '2026-02-01T00:00:00Z' }), [
        service('b', { has: ['192.0.2.10'] }),
      ]),
    want: ['ensure 192.0.2.11'],
  },
  {
    name: 'leaves the older of two that have the same address',
    plan: () =>
      planOf(service('a', { has: ['192.0.2.10'] }), [
        service('b', { has: ['192.0.2.10'], created: '2026-02-01T00:00:00Z' }),
      ]),
    want: [],
  },
  {
    name: 'releases a Service that is being deleted',
    plan: () => planOf(service('a', { has: ['192.0.2.10'], isDeleted: true })),
    want: ['release'],
  },
  {
    name: 'releases a Service that changed its type',
    plan: () => planOf(service('a', { has: ['192.0.2.10'], spec: { type: 'ClusterIP' } })),
    want: ['release'],
  },
  { name: 'leaves other types', plan: () => planOf(service('a', { spec: { type: 'NodePort' } })), want: [] },
  {
    name: 'leaves a Service that is being deleted and has nothing of ours',
    plan: () => planOf(service('a', { isDeleted: true })),
    want: [],
  },
  {
    name: 'serves the class of its own',
    plan: () => planOf(service('a', { spec: { loadBalancerClass: 'kubets.io/service-lb' } })),
    want: ['ensure 192.0.2.10'],
  },
  {
    name: 'leaves other classes, also at their end',
    plan: () => planOf(service('a', { spec: { loadBalancerClass: 'example.com/x' }, isDeleted: true, isHeld: true })),
    want: [],
  },
  {
    name: 'leaves Services without class when it is not the default',
    plan: () => planOf(service('a'), [], { classes: { ...classes, takesUnclassed: false } }),
    want: [],
  },
]
for (const row of table) test(`plan() ${row.name}`, () => expect(row.plan()).toEqual(row.want))

test('plan() has nothing to do once its own plan was carried out', () => {
  const services = Array.from({ length: 3 }, (_, index) => service(`s${index}`))
  const done: Service[] = []
  for (const each of services) {
    const holdersOf = (address: string) => done.filter((other) => statusAddresses(other).includes(address))
    const [action] = plan({ service: each, pool, classes, holdersOf, hasNodes: true }).actions
    done.push(service(each.metadata.name, { has: action?.type === 'ensure' ? action.addresses : [] }))
  }
  expect(done.flatMap(statusAddresses)).toEqual(['192.0.2.10', '192.0.2.11', '192.0.2.12'])
  for (const each of done)
    expect(
      planOf(
        each,
        done.filter((other) => other !== each),
      ),
    ).toEqual([])
})

type Step = { readonly type: 'create' | 'delete' | 'wish'; readonly which: number; readonly wish: string }
const steps = fc.array(
  fc.record<Step>({
    type: fc.constantFrom('create', 'delete', 'wish'),
    which: fc.nat(5),
    wish: fc.constantFrom('', '192.0.2.10', '192.0.2.12', '192.0.2.99'),
  }),
  { maxLength: 30 },
)

/** Plans and carries out until nothing is left to do. */
function settle(services: Map<string, Service>): void {
  for (let round = 0; round < 10; round++) {
    let isQuiet = true
    for (const [name, mine] of services) {
      const all = [...services.values()]
      const holdersOf = (address: string) => all.filter((each) => statusAddresses(each).includes(address))
      for (const action of plan({ service: mine, pool, classes, holdersOf, hasNodes: true }).actions) {
        if (action.type === 'refuse') continue
        isQuiet = false
        const addresses = action.type === 'ensure' ? action.addresses : []
        services.set(name, service(name, { has: addresses, spec: { loadBalancerIP: mine.spec.loadBalancerIP ?? '' } }))
      }
    }
    if (isQuiet) return
  }
  throw new Error('the plans never come to rest')
}

test('plan() comes to rest, shares no address, and takes none from whoever wishes nothing new', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const services = new Map<string, Service>()
      for (const { type, which, wish } of all) {
        const name = `s${which}`
        const before = new Map([...services].map(([key, each]) => [key, statusAddresses(each).join()]))
        if (type === 'delete') services.delete(name)
        else {
          const has = services.has(name) ? statusAddresses(services.get(name) ?? service(name)) : []
          services.set(name, service(name, { has, spec: { loadBalancerIP: type === 'wish' ? wish : '' } }))
        }
        settle(services)
        const given = [...services.values()].flatMap(statusAddresses)
        if (new Set(given).size !== given.length) return false
        for (const [key, each] of services) {
          const had = before.get(key) ?? ''
          if (key !== name && had !== '' && statusAddresses(each).join() !== had) return false
        }
      }
      return true
    }),
  )
})
