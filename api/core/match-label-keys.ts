/**
 * `matchLabelKeys` means "with the same value as mine": at creation the API server writes that value into the selector.
 * Source: `mutatePodAffinity` and `mutateTopologySpreadConstraints` of pkg/registry/core/pod.
 */
import type { LabelSelector, LabelSelectorRequirement } from '../meta/v1.ts'
import type { PodAffinity, PodAffinityTerm, PodSpec } from './v1.ts'

type Labels = Readonly<Record<string, string>>

/** The spec with all `matchLabelKeys` written out. */
export function mergeMatchLabelKeys(spec: PodSpec, labels: Labels): PodSpec {
  const { affinity, topologySpreadConstraints: constraints } = spec
  const { podAffinity, podAntiAffinity } = affinity ?? {}
  return {
    ...spec,
    ...(affinity === undefined
      ? {}
      : {
          affinity: {
            ...affinity,
            ...(podAffinity === undefined ? {} : { podAffinity: mergeAffinity(podAffinity, labels) }),
            ...(podAntiAffinity === undefined ? {} : { podAntiAffinity: mergeAffinity(podAntiAffinity, labels) }),
          },
        }),
    ...(constraints === undefined
      ? {}
      : { topologySpreadConstraints: constraints.map((one) => mergeTerm(one, labels)) }),
  }
}

function mergeAffinity(affinity: PodAffinity, labels: Labels): PodAffinity {
  const must = affinity.requiredDuringSchedulingIgnoredDuringExecution
  const should = affinity.preferredDuringSchedulingIgnoredDuringExecution
  return {
    ...affinity,
    ...(must === undefined
      ? {}
      : { requiredDuringSchedulingIgnoredDuringExecution: must.map((term) => mergeTerm(term, labels)) }),
    ...(should === undefined
      ? {}
      : {
          preferredDuringSchedulingIgnoredDuringExecution: should.map((one) => ({
            ...one,
            podAffinityTerm: mergeTerm(one.podAffinityTerm, labels),
          })),
        }),
  }
}

type Term = Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>

function mergeTerm<T extends Term>(term: T, labels: Labels): T {
  const added = [
    ...requirements(term.matchLabelKeys, 'In', labels),
    ...requirements(term.mismatchLabelKeys, 'NotIn', labels),
  ]
  if (term.labelSelector === undefined || added.length === 0) return term
  const labelSelector: LabelSelector = {
    ...term.labelSelector,
    matchExpressions: [...(term.labelSelector.matchExpressions ?? []), ...added],
  }
  return { ...term, labelSelector }
}

function requirements(
  keys: readonly string[] = [],
  operator: string,
  labels: Labels,
): readonly LabelSelectorRequirement[] {
  return keys.flatMap((key) => {
    const value = labels[key]
    return value === undefined ? [] : [{ key, operator, values: [value] }]
  })
}
