/** What of a quota is used: `status.used` and `status.hard`. Pure. */
import { quantityOf } from '../../api/core/pod-resources.ts'
import { type CountedKind, isInScope, usageOf } from '../../api/core/quota-usage.ts'
import type { ResourceQuota, ResourceQuotaStatus } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { addQuantities, formatQuantity } from '../../apimachinery/quantity.ts'

/** A kind by group and plural. */
export type Kind = CountedKind['facts']
export type Counted = { readonly kind: Kind; readonly objects: readonly ApiObject[] }

/** Kinds that quotas name by words of their own. */
const namedKinds: readonly (readonly [pattern: RegExp, plural: string])[] = [
  [/^services(\.(nodeports|loadbalancers))?$/, 'services'],
  [/^(persistentvolumeclaims|requests\.storage)$|\.storageclass\.storage\.k8s\.io\//, 'persistentvolumeclaims'],
  [/^(configmaps|secrets|replicationcontrollers|resourcequotas)$/, ''],
]

/** The kind whose objects a name of a quota counts. Names that are nothing else are compute resources of pods. */
export function kindOf(name: string): Kind {
  const counted = /^count\/([^.]+)(?:\.(.+))?$/.exec(name)
  if (counted !== null) return { group: counted[2] ?? '', plural: counted[1] ?? '' }
  const named = namedKinds.find(([pattern]) => pattern.test(name))
  return { group: '', plural: named === undefined ? 'pods' : named[1] || name }
}

/** The kinds that a quota needs counted, each once. */
export function kindsOf({ spec }: ResourceQuota): readonly Kind[] {
  const kinds = Object.keys(spec.hard ?? {}).map(kindOf)
  return kinds.filter(
    ({ group, plural }, at) => kinds.findIndex((kind) => kind.group === group && kind.plural === plural) === at,
  )
}

/** Sums what the objects use of the names that the quota limits. */
export function quotaStatus(quota: ResourceQuota, counted: readonly Counted[]): ResourceQuotaStatus {
  const hard = quota.spec.hard ?? {}
  const used = new Map(Object.keys(hard).map((name) => [name, quantityOf('0')]))
  for (const { kind, objects } of counted) {
    for (const object of objects) {
      if (!isInScope(quota, { facts: kind }, object)) continue
      for (const [name, amount] of usageOf({ facts: kind }, object)) {
        const before = used.get(name)
        if (before !== undefined) used.set(name, addQuantities(before, amount))
      }
    }
  }
  return { hard, used: Object.fromEntries([...used].map(([name, amount]) => [name, formatQuantity(amount)])) }
}
