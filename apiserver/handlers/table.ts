/** `Table` and `PartialObjectMetadata`: what `kubectl get` and metadata informers ask for. Pure. */

import { ageColumn, nameColumn } from '../../api/meta/columns.ts'
import type { ApiObject, Column, Resource } from '../../api/resource.ts'
import { badRequest } from '../../apimachinery/status.ts'

export type TableOptions = {
  /** What each row carries besides its cells. Source: `metav1.TableOptions.includeObject`. */
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly nowMs: number
  /** Watches send the column definitions with the first event only. */
  readonly withoutColumns?: boolean
}
type TableMeta = { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number }

/** Reads `?includeObject=`. */
export function parseTableOptions(query: URLSearchParams, nowMs: number): TableOptions {
  const includeObject = query.get('includeObject') ?? 'Metadata'
  if (includeObject === 'None' || includeObject === 'Metadata' || includeObject === 'Object') {
    return { includeObject, nowMs }
  }
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(includeObject)}`)
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
  { includeObject, nowMs, withoutColumns }: TableOptions,
): object {
  const columns = columnsOf(resource)
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: meta,
    columnDefinitions: withoutColumns === true ? [] : columns.map(definitionOf),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, nowMs)),
      object: includeObject === 'None' ? null : includeObject === 'Object' ? object : partialObject(object),
    })),
  }
}

function definitionOf({ name, type, format = '', description = '', wide, priority }: Column<ApiObject>): object {
  return { name, type, format, description, priority: priority ?? (wide === true ? 1 : 0) }
}

/** Type and metadata only. */
export function partialObject({ metadata }: ApiObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
}
