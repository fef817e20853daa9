/** Answers in Kubernetes' protobuf form, made of the JSON that all other clients get. */
import { isJsonList, isJsonObject, type Json } from '../../apimachinery/json.ts'
import { encodeProtobuf, encodeProtobufList, protobufContentType } from '../../apimachinery/protobuf/encode.ts'
import { ReverseWriter } from '../../apimachinery/protobuf/writer.ts'
import { compileSchema, type Field, type Schemas, type Struct, structOf } from '../../apimachinery/schema/schema.ts'

/** The content type of answers, and of watches, whose events follow each other. */
export const protobufAnswerType = protobufContentType
export const protobufWatchType = `${protobufContentType};stream=watch`

/** From encoded JSON to protobuf; `undefined` for what has no protobuf form, such as custom resources. */
export type ProtobufEncoder = (json: Buffer) => Buffer | undefined

/** An encoder of every kind of these schemas, their lists and their metadata. */
export function createProtobufEncoder(schemas: Schemas): ProtobufEncoder {
  const kinds = kindsOf(schemas)
  return (json) => {
    const object = JSON.parse(json.toString('utf8')) as Json
    if (!isJsonObject(object)) return undefined
    const type = `${String(object['apiVersion'])}/${String(object['kind'])}`
    const struct = kinds.get(type)
    if (struct !== undefined) return encodeProtobuf(schemas, struct, object)
    const item = isJsonList(object['items']) ? kinds.get(type.replace(/List$/, '')) : undefined
    return item === undefined ? undefined : encodeProtobufList(schemas, item, object)
  }
}

function kindsOf(schemas: Schemas): ReadonlyMap<string, Struct> {
  const kinds = new Map<string, Struct>()
  for (const struct of schemas.structs.values()) {
    if (struct.gvk === undefined || struct.custom !== undefined) continue
    const { group, version, kind } = struct.gvk
    kinds.set(`${group === '' ? version : `${group}/${version}`}/${kind}`, struct)
  }
  addDiscovery(kinds)
  const metadata = kinds.get('v1/ConfigMap')?.fields.get('metadata')
  if (metadata !== undefined) kinds.set('meta.k8s.io/v1/PartialObjectMetadata', metadataOnly(metadata))
  return kinds
}

/** What says which kinds there are. Its types stand in no table of kinds. Source: `apidiscovery/v2`. */
const discovery = compileSchema({
  APIGroupDiscovery: { fields: { versions: '2 []Version list=atomic' } },
  Version: {
    fields: { version: '1! string =""', resources: '2 []Served list=atomic', freshness: '3! string =""' },
  },
  Served: {
    fields: {
      resource: '1! string =""',
      responseKind: '2 Kind ptr',
      scope: '3! string =""',
      singularResource: '4! string =""',
      verbs: '5 []string list=atomic',
      shortNames: '6 []string list=atomic',
      categories: '7 []string list=atomic',
      subresources: '8 []Subresource list=atomic',
    },
  },
  Subresource: {
    fields: {
      subresource: '1! string =""',
      responseKind: '2 Kind ptr',
      acceptedTypes: '3 []Kind list=atomic',
      verbs: '4 []string list=atomic',
    },
  },
  Kind: { fields: { group: '1! string =""', version: '2! string =""', kind: '3! string =""' } },
})

function addDiscovery(kinds: Map<string, Struct>): void {
  const metadata = kinds.get('v1/ConfigMap')?.fields.get('metadata')
  const group = structOf(discovery, 'APIGroupDiscovery')
  // Documents of the core group say no version.
  for (const kind of ['APIVersions', 'APIResourceList']) {
    const struct = kinds.get(`v1/${kind}`)
    if (struct !== undefined) kinds.set(`undefined/${kind}`, struct)
  }
  if (metadata === undefined) return
  kinds.set('apidiscovery.k8s.io/v2/APIGroupDiscovery', {
    ...group,
    fields: new Map([[metadata.name, metadata], ...group.fields]),
    ordered: [metadata, ...group.ordered],
  })
}

/** Its message has the metadata where all kinds have it. */
function metadataOnly(metadata: Field): Struct {
  return {
    name: 'PartialObjectMetadata',
    gvk: undefined,
    atomic: false,
    fields: new Map([[metadata.name, metadata]]),
    ordered: [metadata],
    preserveUnknown: false,
  }
}

/** One event of a watch: `WatchEvent { 1: type, 2: RawExtension { 1: object } }`. */
export function protobufEvent(type: string, object: Buffer): Buffer {
  const writer = new ReverseWriter()
  writer.bytes(object)
  writer.close(1, 0)
  writer.close(2, 0)
  writer.textField(1, type)
  return Buffer.from(writer.finish())
}

/** A frame of a body: four bytes that say how long the event is, and the event. */
export function withLength(event: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}
