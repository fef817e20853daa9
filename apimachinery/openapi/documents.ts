/** All OpenAPI documents of a server behind their paths, each made when it is first asked for and kept. */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../json.ts'
import { encodeOpenApiV2, gnosticAccepted, gnosticContentType } from './gnostic.ts'
import type { OpenApiResource } from './paths.ts'
import { openApiV2 } from './v2.ts'
import { type OpenApiInput, openApiV3, openApiV3Path } from './v3.ts'

export type OpenApiAnswer = { readonly contentType: string; readonly body: Buffer; readonly etag: string }
export type OpenApiDocuments = {
  /** The answer for a path such as `/openapi/v3/apis/apps/v1`; `undefined`: not found. */
  readonly answer: (path: string, accept: string) => OpenApiAnswer | undefined
}
export type OpenApiDocumentsInput = OpenApiInput & {
  /** Changes whenever the schemas of a group-version change; built-in ones never do. */
  readonly revisionOf?: (groupVersion: { readonly group: string; readonly version: string }) => string
}

const v3Root = '/openapi/v3'
const json = 'application/json'

/** Prepares the documents; make a new one when custom resources come or go. */
export function createOpenApiDocuments(input: OpenApiDocumentsInput): OpenApiDocuments {
  const groups = groupResources(input.resources)
  const kept = new Map<string, OpenApiAnswer>()
  const keep = (key: string, contentType: string, make: () => Buffer, hash?: string): OpenApiAnswer => {
    const known = kept.get(key)
    if (known !== undefined) return known
    const body = make()
    const answer = { contentType, body, etag: `"${hash ?? hashOf(body)}"` }
    kept.set(key, answer)
    return answer
  }
  const answer = (path: string, accept: string): OpenApiAnswer | undefined => {
    // Go's file server has a look at the bytes and finds text.
    if (path === v3Root) return keep(path, 'text/plain; charset=utf-8', () => text(index(input, groups)))
    if (path === '/openapi/v2') {
      const protobuf = gnosticAccepted.some((type) => accept.includes(type))
      if (protobuf) return keep('v2 protobuf', gnosticContentType, () => encodeOpenApiV2(openApiV2(input)))
      return keep(path, json, () => text(openApiV2(input)))
    }
    const resources = path.startsWith(`${v3Root}/`) ? groups.get(path.slice(v3Root.length + 1)) : undefined
    if (resources === undefined) return undefined
    // The same hash as in the index, where clients find it.
    return keep(path, json, () => text(openApiV3({ ...input, resources })), groupHash(input, resources))
  }
  return { answer }
}

function groupResources(resources: readonly OpenApiResource[]): ReadonlyMap<string, readonly OpenApiResource[]> {
  const groups = new Map<string, OpenApiResource[]>()
  for (const resource of resources) {
    const path = openApiV3Path(resource)
    const group = groups.get(path)
    if (group === undefined) groups.set(path, [resource])
    else group.push(resource)
  }
  return groups
}

function index(input: OpenApiDocumentsInput, groups: ReadonlyMap<string, readonly OpenApiResource[]>): JsonObject {
  const paths = [...groups].map(
    ([path, resources]) =>
      [path, { serverRelativeURL: `${v3Root}/${path}?hash=${groupHash(input, resources)}` }] as const,
  )
  return { paths: Object.fromEntries(paths) }
}

/** Hashing what a document is made from, not the document, keeps the first answer quick. */
function groupHash({ revisionOf }: OpenApiDocumentsInput, resources: readonly OpenApiResource[]): string {
  const [first] = resources
  const revision = first === undefined ? '' : (revisionOf?.(first) ?? '')
  return hashOf(Buffer.from(JSON.stringify([resources, revision])))
}

function hashOf(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase()
}

function text(document: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(document))
}
