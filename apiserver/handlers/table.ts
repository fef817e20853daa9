/** `Table` and `PartialObjectMetadata`: what `kubectl get` and metadata informers ask for. Pure. */

import { columnTexts } from '../../api/facts/column-texts.ts'
import { ageColumn, createdAtColumn, nameColumn } from '../../api/meta/columns.ts'
import type { ApiObject, Column, Resource } from '../../api/resource.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import type { Describe } from '../../apimachinery/openapi/names.ts'
import { badRequest } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { OutputForm } from '../http/negotiation.ts'

export type TableOptions = {
  /** What each row carries besides its cells. Source: `metav1.TableOptions.includeObject`. */
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly nowMs: number
  readonly describe: Describe
  readonly metaVersion: OutputForm['metaVersion']
  /** Watches send the column definitions with the first event only. */
  readonly withoutColumns?: boolean
}
type TableMeta = { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }

/** The part of the handlers' context that tables need. */
export type TableContext = { readonly clock: Pick<Clock, 'now'>; readonly describe: Describe }

/** Reads `?includeObject=`, which only tables have. Throws BadRequest. */
export function parseTableOptions(
  query: URLSearchParams,
  { clock, describe }: TableContext,
  { transform, metaVersion }: Pick<OutputForm, 'transform' | 'metaVersion'>,
): TableOptions {
  const text = query.get('includeObject') ?? ''
  const includeObject = text === '' || transform !== 'Table' ? 'Metadata' : text
  if (includeObject !== 'None' && includeObject !== 'Metadata' && includeObject !== 'Object') {
    const problem = `Invalid value: ${goQuote(includeObject)}: must be 'Metadata', 'Object', 'None', or empty`
    throw badRequest(`Unable to convert to Table as requested: includeObject: ${problem}`)
  }
  return { includeObject, nowMs: clock.now(), describe, metaVersion }
}

/** The columns of a kind; without own ones Name and Age. */
export function columnsOf(resource: Resource): readonly Column<ApiObject>[] {
  return resource.columns ?? [nameColumn, ageColumn]
}

/** A `Table` of these objects. */
export function tableOf(
  resource: Resource,
  objects: readonly ApiObject[],
  meta: TableMeta,
  { includeObject, nowMs, describe, metaVersion, withoutColumns }: TableOptions,
): object {
  const columns = columnsOf(resource)
  const ordered = resource.tableOrder === undefined ? objects : objects.toSorted(resource.tableOrder)
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: meta,
    columnDefinitions: withoutColumns === true ? [] : columnDefinitions(resource, describe),
    rows: isUnsized(resource, ordered)
      ? null
      : ordered.map((object) => ({
          cells: columns.map(({ cell }) => cell(object, nowMs)),
          object:
            includeObject === 'None' ? null : includeObject === 'Object' ? object : partialObject(object, metaVersion),
        })),
  }
}

/** What upstream converts without a printer of the kind has no rows rather than an empty list of them. */
function isUnsized({ columns }: Resource, objects: readonly ApiObject[]): boolean {
  return objects.length === 0 && columns?.[1] === createdAtColumn
}

/** What a table says of the kind's columns. */
export function columnDefinitions(resource: Resource, describe: Describe): readonly object[] {
  const texts = resource.isCustom === true ? undefined : columnTexts[resource.definition]
  return columnsOf(resource).map(({ name, type, format = '', description, wide, priority }) => ({
    name,
    type,
    format,
    description: description ?? textOf(texts?.[name], describe),
    priority: priority ?? (wide === true ? 1 : 0),
  }))
}

/** `@core.v1.PodSpec.nodeName` is what the API says of that field. */
function textOf(text: string | undefined, describe: Describe): string {
  if (text?.startsWith('@') !== true) return text ?? ''
  const dot = text.lastIndexOf('.')
  return describe(text.slice(1, dot), text.slice(dot + 1)) ?? ''
}

/** Type and metadata only. */
export function partialObject({ metadata }: ApiObject, metaVersion: OutputForm['metaVersion']): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata }
}
