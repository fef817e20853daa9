/** Answers in Kubernetes' protobuf form, made of the JSON that all other clients get. */
import { isJsonList, isJsonObject, type Json } from '../../apimachinery/json.ts'
import { encodeProtobuf, encodeProtobufList, protobufContentType } from '../../apimachinery/protobuf/encode.ts'
import { ReverseWriter } from '../../apimachinery/protobuf/writer.ts'
import type { Field, Schemas, Struct } from '../../apimachinery/schema/schema.ts'

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
  const metadata = kinds.get('v1/ConfigMap')?.fields.get('metadata')
  if (metadata !== undefined) kinds.set('meta.k8s.io/v1/PartialObjectMetadata', metadataOnly(metadata))
  return kinds
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
