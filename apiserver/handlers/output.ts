/** An entry or a whole list as the client asked for it: the object, its metadata only, or a table. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'
import type { Transform } from '../http/negotiation.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import { apiVersionOf, listType } from './context.ts'
import { partialObject, type TableOptions, tableOf } from './table.ts'

export type ListMeta = {
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

/** One object, encoded. */
export function encodeObject(
  resource: Resource,
  object: ApiObject,
  json: Buffer | undefined,
  transform: Transform,
  table: TableOptions,
): Buffer {
  switch (transform) {
    case 'PartialObjectMetadataList':
      throw notTransformed(`you requested PartialObjectMetadataList, but the requested object is not a list`)
    case 'none':
      return json ?? Buffer.from(JSON.stringify(object))
    case 'PartialObjectMetadata':
      return Buffer.from(JSON.stringify(partialObject(object, table.metaVersion)))
    case 'Table': {
      const { resourceVersion } = object.metadata
      return Buffer.from(JSON.stringify(tableOf(resource, [object], { resourceVersion }, table)))
    }
  }
}

/** A list, put together from the bytes of its items. */
export function encodeList(
  resource: Resource,
  entries: readonly CacheEntry[],
  meta: ListMeta,
  transform: Transform,
  table: TableOptions,
): Buffer {
  switch (transform) {
    case 'PartialObjectMetadata':
      throw notTransformed(`you requested PartialObjectMetadata, but the requested object is a list`)
    case 'none':
      return joinItems(
        // Lists of custom kinds show an empty field, because upstream has no type for them that would leave it out.
        { ...listType(resource), metadata: resource.isCustom === true ? { continue: '', ...meta } : meta },
        entries.map((entry) => entry.view(resource).json),
        itemHead(resource),
      )
    case 'PartialObjectMetadataList':
      return joinItems(
        { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${table.metaVersion}`, metadata: meta },
        entries.map((entry) =>
          Buffer.from(JSON.stringify(partialObject(entry.view(resource).object, table.metaVersion))),
        ),
      )
    case 'Table': {
      const objects = entries.map((entry) => entry.view(resource).object)
      return Buffer.from(JSON.stringify(tableOf(resource, objects, meta, table)))
    }
  }
}

/** 406 for a form that the answer does not have. */
function notTransformed(message: string): StatusError {
  return new StatusError('NotAcceptable', message)
}

const openingBrace = Buffer.from('{')
const comma = Buffer.from(',')
const end = Buffer.from(']}')

/** What the items of a list do not repeat: built-in kinds leave kind and version to the list. */
function itemHead({ facts, isCustom }: Resource): Buffer | undefined {
  if (isCustom === true) return undefined
  const type = JSON.stringify({ kind: facts.kind, apiVersion: apiVersionOf(facts) })
  return Buffer.from(`${type.slice(0, -1)},`)
}

function joinItems(head: object, items: readonly Buffer[], withoutHead?: Buffer): Buffer {
  const text = JSON.stringify(head)
  const parts: Buffer[] = [Buffer.from(`${text.slice(0, -1)},"items":[`)]
  for (const [at, item] of items.entries()) {
    if (at > 0) parts.push(comma)
    if (withoutHead !== undefined && startsWith(item, withoutHead)) {
      parts.push(openingBrace, item.subarray(withoutHead.length))
    } else parts.push(item)
  }
  parts.push(end)
  return Buffer.concat(parts)
}

function startsWith(bytes: Buffer, start: Buffer): boolean {
  return bytes.length >= start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0
}
