/** What a namespace says about its own deletion. Pure. */

import type { NamespaceCondition } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'

/** What deleting the content brought to light. */
export type ContentReport = {
  readonly discoveryErrors: readonly string[]
  readonly deletionErrors: readonly string[]
  /** Objects left, by resource, such as `pods.`. */
  readonly remaining: ReadonlyMap<string, number>
  /** Objects left that a finalizer holds, by finalizer. */
  readonly finalizers: ReadonlyMap<string, number>
}

/** True when nothing is left and nothing went wrong. */
export function isContentGone({ discoveryErrors, deletionErrors, remaining }: ContentReport): boolean {
  return discoveryErrors.length + deletionErrors.length === 0 && remaining.size === 0
}

type Verdict = readonly [status: 'True' | 'False', reason: string, message: string]

/** The five conditions in upstream's words; a condition that says the same keeps its time. */
export function contentConditions(
  before: readonly NamespaceCondition[],
  report: ContentReport,
  nowMs: number,
): readonly NamespaceCondition[] {
  const verdicts: Readonly<Record<string, Verdict>> = {
    NamespaceDeletionDiscoveryFailure: discoveryVerdict(report.discoveryErrors),
    NamespaceDeletionGroupVersionParsingFailure: [
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    NamespaceDeletionContentFailure: contentVerdict(report.deletionErrors),
    NamespaceContentRemaining: remainingVerdict(report.remaining),
    NamespaceFinalizersRemaining: finalizersVerdict(report.finalizers),
  }
  const others = before.filter(({ type }) => !(type in verdicts))
  const ours = Object.entries(verdicts).map(([type, [status, reason, message]]) => {
    const old = before.find((condition) => condition.type === type)
    const isSame = old?.status === status && old.reason === reason && old.message === message
    return isSame ? old : { type, status, lastTransitionTime: formatTime(nowMs), reason, message }
  })
  return [...others, ...ours]
}

function discoveryVerdict(errors: readonly string[]): Verdict {
  if (errors.length === 0) return ['False', 'ResourcesDiscovered', 'All resources successfully discovered']
  return ['True', 'DiscoveryFailed', `Discovery failed for some groups, ${errors.length} failing: ${errors.join(', ')}`]
}

function contentVerdict(errors: readonly string[]): Verdict {
  if (errors.length === 0) {
    return ['False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization']
  }
  const text = errors.length === 1 ? (errors[0] ?? '') : `[${errors.toSorted().join(', ')}]`
  return ['True', 'ContentDeletionFailed', `Failed to delete all resource types, ${errors.length} remaining: ${text}`]
}

function remainingVerdict(remaining: ReadonlyMap<string, number>): Verdict {
  if (remaining.size === 0) return ['False', 'ContentRemoved', 'All content successfully removed']
  const parts = [...remaining].toSorted().map(([resource, count]) => `${resource} has ${count} resource instances`)
  return ['True', 'SomeResourcesRemain', `Some resources are remaining: ${parts.join(', ')}`]
}

function finalizersVerdict(finalizers: ReadonlyMap<string, number>): Verdict {
  if (finalizers.size === 0) return ['False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished']
  const parts = [...finalizers].toSorted().map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
  return ['True', 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`]
}
