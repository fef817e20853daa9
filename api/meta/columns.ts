/**
 * Cells that many kinds share. Source: k8s.io/kubernetes/pkg/printers/internalversion.
 */
import { humanDuration, parseTime } from '../../apimachinery/time.ts'
import type { ApiObject, Column } from '../resource.ts'
import type { LabelSelector } from './v1.ts'

/** The first column of every kind. */
export const nameColumn: Column<ApiObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  cell: (object) => object.metadata.name,
}

/** How long ago the object was created. */
export const ageColumn: Column<ApiObject> = {
  name: 'Age',
  type: 'string',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  cell: (object, nowMs) => ago(object.metadata.creationTimestamp, nowMs),
}

/** When the object was created: what kinds have that nobody has made columns for. */
export const createdAtColumn: Column<ApiObject> = {
  name: 'Created At',
  type: 'date',
  ...(ageColumn.description === undefined ? {} : { description: ageColumn.description }),
  cell: (object) => object.metadata.creationTimestamp,
}

/** A text column. */
export function text<T>(name: string, cell: Column<T>['cell'], wide = false): Column<T> {
  return { name, type: 'string', ...(wide ? { wide: true as const } : {}), cell }
}

/** A whole-number column. */
export function integer<T>(name: string, cell: Column<T>['cell'], wide = false): Column<T> {
  return { name, type: 'integer', ...(wide ? { wide: true as const } : {}), cell }
}

/** A yes-or-no column; upstream prints these as text. */
export function yesNo<T>(name: string, cell: (object: T) => boolean | undefined): Column<T> {
  return { name, type: 'boolean', cell: (object) => cell(object) ?? false }
}

/** `3m` since `time`, or `<unknown>`. Source: `translateTimestampSince`. */
export function ago(time: string | null | undefined, nowMs: number): string {
  return time === undefined || time === null ? '<unknown>' : humanDuration(nowMs - parseTime(time))
}

/** `<none>` for nothing. */
export function orNone(value: string | undefined): string {
  return value === undefined || value === '' ? '<none>' : value
}

/** `a=b,c=d`, sorted, or `<none>`. Source: `labels.FormatLabels`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return orNone(pairs.sort().join(','))
}

/** A selector as `kubectl get -o wide` shows it. Source: `metav1.FormatLabelSelector`. */
export function formatSelectorColumn(selector: LabelSelector | undefined): string {
  const equalities = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }))
  const expressions = (selector?.matchExpressions ?? []).map((e) => ({ key: e.key, text: formatRequirement(e) }))
  const all = [...equalities, ...expressions].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return orNone(all.map((part) => part.text).join(','))
}

function formatRequirement(e: { key: string; operator: string; values?: readonly string[] }): string {
  const values = [...(e.values ?? [])].sort().join(',')
  switch (e.operator) {
    case 'In':
      return `${e.key} in (${values})`
    case 'NotIn':
      return `${e.key} notin (${values})`
    case 'Exists':
      return e.key
    default:
      return `!${e.key}`
  }
}

/** Container names and images as two wide columns have them. Source: `layoutContainerCells`. */
export function containerNames(template: Template | undefined): string {
  return (template?.spec.containers ?? []).map((container) => container.name).join(',')
}

export function containerImages(template: Template | undefined): string {
  return (template?.spec.containers ?? []).map((container) => container.image ?? '').join(',')
}

type Template = {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image?: string }[] }
}
