/** Which ReplicaSet is the deployment's current one, and what its annotations say about its place in history. Pure. */
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import type { PodTemplateSpec } from '../../api/core/v1.ts'
import { isSame } from '../pod/canonical-json.ts'
import { maxSurge } from './bounds.ts'

export const templateHashLabel = 'pod-template-hash'
export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'
/** Longer histories lose their oldest numbers. Source: `maxRevHistoryLengthInChars`. */
const maxHistoryChars = 2000
/** Annotations of a deployment that say nothing about its replica sets. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
])

export type Annotations = Readonly<Record<string, string>>

/** Oldest first; of two with the same second, by name. */
export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  return order(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || order(a.metadata.name, b.metadata.name)
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** The oldest replica set made from the deployment's current template. */
export function findNewReplicaSet(deployment: Deployment, replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return replicaSets.toSorted(byCreation).find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template))
}

/** Templates are compared without the label that the controller itself has added. */
export function isSameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return isSame(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [templateHashLabel]: _, ...labels } = template.metadata.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** The number that a replica set carries; 0 without one. It has 64 bits, more than a JavaScript number holds. */
export function revisionOf({ metadata }: ReplicaSet): bigint {
  return parseRevision(metadata.annotations?.[revisionAnnotation])
}

function parseRevision(text: string | undefined): bigint {
  return text !== undefined && /^-?\d{1,19}$/.test(text) ? BigInt(text) : 0n
}

/** Sorts by revision, oldest first. */
export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [revisionOf(a), revisionOf(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** The number for the current replica set: one more than all others have. */
export function nextRevision(oldReplicaSets: readonly ReplicaSet[]): bigint {
  const newest = oldReplicaSets.toSorted(byRevision).at(-1)
  const highest = newest === undefined ? 0n : revisionOf(newest)
  return highest < 0n ? 1n : highest + 1n
}

/** The annotations of the current replica set. A rolled-back one keeps the numbers that it had. */
export function currentAnnotations(deployment: Deployment, existing: Annotations, revision: bigint): Annotations {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name))
  const annotations = { ...existing, ...Object.fromEntries(copied) }
  const old = existing[revisionAnnotation]
  if (old !== undefined && parseRevision(old) >= revision) return annotations
  const history = old === undefined ? undefined : extendHistory(existing[revisionHistoryAnnotation] ?? '', old)
  return {
    ...annotations,
    [revisionAnnotation]: String(revision),
    ...(history === undefined ? {} : { [revisionHistoryAnnotation]: history }),
  }
}

function extendHistory(history: string, revision: string): string {
  const numbers = history === '' ? [] : history.split(',')
  const isTooLong = () => numbers.join(',').length + revision.length + 1 > maxHistoryChars
  while (numbers.length > 0 && isTooLong()) numbers.shift()
  return [...numbers, revision].join(',')
}

/** The sizes that proportional scaling needs later. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec.replicas ?? 1
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + maxSurge(deployment)),
  }
}

/** A number that was noted on a replica set. */
export function sizeNote(replicaSet: ReplicaSet, annotation: string): number | undefined {
  const text = replicaSet.metadata.annotations?.[annotation]
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}
