/** All OpenAPI documents of a server behind their paths, each made when it is first asked for and kept. */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../json.ts'
import { encodeOpenApiV2, gnosticContentType } from './gnostic-v2.ts'
import { encodeOpenApiV3, gnosticV3ContentType } from './gnostic-v3.ts'
import { isCustomKind } from './paths.ts'
import { groupPath, groupVersionPath, serverPaths } from './plain-paths.ts'
import { openApiV2 } from './v2.ts'
import { definitionNames, type OpenApiInput, openApiV3, openApiV3Path } from './v3.ts'

export type OpenApiAnswer = {
  readonly contentType: string
  readonly body: Buffer
  readonly etag: string
}
export type OpenApiDocuments = {
  /** The answer for a path such as `/openapi/v3/apis/apps/v1`; `undefined`: not found. */
  readonly answer: (path: string, form: OpenApiForm) => OpenApiAnswer | undefined
}
export type OpenApiForm = 'json' | 'protobuf'
export type OpenApiDocumentsInput = OpenApiInput & {
  /** Changes whenever the schemas of a group-version change; built-in ones never do. */
  readonly revisionOf?: (groupVersion: { readonly group: string; readonly version: string }) => string
}

const v3Root = '/openapi/v3'
const json = 'application/json'

/** What one document of v3 is made of. */
type Part = Required<Pick<OpenApiInput, 'resources' | 'plain'>>

/** Prepares the documents; make a new one when custom resources come or go. */
export function createOpenApiDocuments(input: OpenApiDocumentsInput): OpenApiDocuments {
  const parts = partsOf(input)
  const kept = new Map<string, OpenApiAnswer>()
  const keep = (key: string, contentType: string, make: () => Buffer, hash?: string): OpenApiAnswer => {
    const known = kept.get(key)
    if (known !== undefined) return known
    const body = make()
    const answer = { contentType, body, etag: `"${hash ?? hashOf(body)}"` }
    kept.set(key, answer)
    return answer
  }
  const whole = (): JsonObject => openApiV2({ ...input, plain: [...parts.values()].flatMap(({ plain }) => plain) })
  const answer = (path: string, form: OpenApiForm): OpenApiAnswer | undefined => {
    // Go's file server has a look at the bytes and finds text.
    if (path === v3Root) return keep(path, 'text/plain; charset=utf-8', () => text(index(input, parts)))
    const isProtobuf = form === 'protobuf'
    if (path === '/openapi/v2') {
      if (isProtobuf) return keep('v2 protobuf', gnosticContentType, () => encodeOpenApiV2(whole()))
      return keep(path, json, () => text(whole()))
    }
    const part = path.startsWith(`${v3Root}/`) ? parts.get(path.slice(v3Root.length + 1)) : undefined
    if (part === undefined) return undefined
    // The same hash as in the index, where clients find it.
    const hash = partHash(input, part)
    const make = (): JsonObject => openApiV3({ ...input, ...part })
    if (isProtobuf) return keep(`${path} protobuf`, gnosticV3ContentType, () => encodeOpenApiV3(make()), hash)
    return keep(path, json, () => text(make()), hash)
  }
  return { answer }
}

/** Documents of v3 by what follows `/openapi/v3/`, in the order of the index. Groups of custom kinds have no paths of their own. */
function partsOf({ schemas, resources }: OpenApiInput): ReadonlyMap<string, Part> {
  const names = definitionNames(schemas)
  const parts = new Map<string, Part>([...serverPaths].map(([key, plain]) => [key, { resources: [], plain: [plain] }]))
  for (const resource of resources) {
    const key = openApiV3Path(resource)
    const isCustom = isCustomKind(resource, names)
    if (resource.group !== '' && !isCustom) {
      parts.set(`apis/${resource.group}`, { resources: [], plain: [groupPath(resource.group)] })
    }
    const known = parts.get(key) ?? { resources: [], plain: isCustom ? [] : [groupVersionPath(resource)] }
    parts.set(key, { ...known, resources: [...known.resources, resource] })
  }
  return new Map([...parts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function index(input: OpenApiDocumentsInput, parts: ReadonlyMap<string, Part>): JsonObject {
  const paths = [...parts].map(
    ([path, part]) => [path, { serverRelativeURL: `${v3Root}/${path}?hash=${partHash(input, part)}` }] as const,
  )
  return { paths: Object.fromEntries(paths) }
}

/** Hashing what a document is made from, not the document, keeps the first answer quick. */
function partHash({ revisionOf }: OpenApiDocumentsInput, { resources, plain }: Part): string {
  const [first] = resources
  const revision = first === undefined ? '' : (revisionOf?.(first) ?? '')
  return hashOf(Buffer.from(JSON.stringify([resources, plain, revision])))
}

function hashOf(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase()
}

function text(document: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(document))
}
