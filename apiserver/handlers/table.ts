/** `Table` and `PartialObjectMetadata`: what `kubectl get` and metadata informers ask for. Pure. */

import { ageColumn, createdAtColumn, nameColumn } from '../../api/meta/columns.ts'
import type { ApiObject, Column, Resource } from '../../api/resource.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import { badRequest } from '../../apimachinery/status.ts'
import type { OutputForm } from '../http/negotiation.ts'

export type TableOptions = {
  /** What each row carries besides its cells. Source: `metav1.TableOptions.includeObject`. */
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly nowMs: number
  readonly metaVersion: OutputForm['metaVersion']
  /** Watches send the column definitions with the first event only. */
  readonly withoutColumns?: boolean
}
type TableMeta = { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }

/** Reads `?includeObject=`, which only tables have. Throws BadRequest. */
export function parseTableOptions(
  query: URLSearchParams,
  nowMs: number,
  { transform, metaVersion }: Pick<OutputForm, 'transform' | 'metaVersion'>,
): TableOptions {
  const text = query.get('includeObject') ?? ''
  const includeObject = text === '' || transform !== 'Table' ? 'Metadata' : text
  if (includeObject !== 'None' && includeObject !== 'Metadata' && includeObject !== 'Object') {
    const problem = `Invalid value: ${goQuote(includeObject)}: must be 'Metadata', 'Object', 'None', or empty`
    throw badRequest(`Unable to convert to Table as requested: includeObject: ${problem}`)
  }
  return { includeObject, nowMs, metaVersion }
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
  { includeObject, nowMs, metaVersion, withoutColumns }: TableOptions,
): object {
  const columns = columnsOf(resource)
  const ordered = resource.tableOrder === undefined ? objects : objects.toSorted(resource.tableOrder)
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: meta,
    columnDefinitions: withoutColumns === true ? [] : columnDefinitions(resource),
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
export function columnDefinitions(resource: Resource): readonly object[] {
  return columnsOf(resource).map(definitionOf)
}

function definitionOf({ name, type, format = '', description = '', wide, priority }: Column<ApiObject>): object {
  return { name, type, format, description, priority: priority ?? (wide === true ? 1 : 0) }
}

/** Type and metadata only. */
export function partialObject({ metadata }: ApiObject, metaVersion: OutputForm['metaVersion']): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata }
}
