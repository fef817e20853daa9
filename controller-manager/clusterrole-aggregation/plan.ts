/** Cluster roles that are made of others: `admin`, `edit`, `view`, and those of users. Pure. */

import type { ClusterRole } from '../../api/rbac/v1.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { canonicalJson, isSame } from '../pod/canonical-json.ts'

/** Everything the decision depends on. */
export type Observed = { readonly role: ClusterRole; readonly all: readonly ClusterRole[] }
export type Action = {
  readonly type: 'setRules'
  readonly role: ClusterRole
  readonly rules: NonNullable<ClusterRole['rules']>
}

/** The rules of every role that a selector names, once each, in the order of the names. */
export function plan({ role, all }: Observed): Plan<Action> {
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(selectorFromLabelSelector)
  if (role.aggregationRule === undefined) return { actions: [] }
  const parts = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((selector) => matches(selector, metadata.labels ?? {})))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const rules = new Map(parts.flatMap((part) => part.rules ?? []).map((rule) => [canonicalJson(rule), rule]))
  const next = [...rules.values()]
  return { actions: isSame(role.rules ?? [], next) ? [] : [{ type: 'setRules', role, rules: next }] }
}
