/** Bodies in Kubernetes' protobuf form, which current clients send for built-in kinds, as the JSON values they stand for. */
import type { JsonObject } from '../../apimachinery/json.ts'
import { decodeProtobuf } from '../../apimachinery/protobuf/decode.ts'
import { protobufContentType } from '../../apimachinery/protobuf/encode.ts'
import { ProtobufProblem } from '../../apimachinery/protobuf/reader.ts'
import { type Schemas, structOf } from '../../apimachinery/schema/schema.ts'
import { badRequest } from '../../apimachinery/status.ts'

/** The media type of such bodies. */
export const protobufType = protobufContentType

/** Reads a body as an object of `definition`. Throws BadRequest. */
export function parseProtobufBody(schemas: Schemas, definition: string, body: Buffer): JsonObject {
  try {
    return decodeProtobuf(schemas, structOf(schemas, definition), body)
  } catch (error) {
    throw error instanceof ProtobufProblem ? badRequest(error.message) : error
  }
}
