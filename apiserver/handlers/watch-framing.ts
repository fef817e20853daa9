/** How the events of a watch are written: JSON lines, or Kubernetes' protobuf. Each event is encoded once for all watchers. */
import type { Resource } from '../../api/resource.ts'
import { type ProtobufEncoder, protobufEvent, protobufWatchType, withLength } from '../http/protobuf-answer.ts'
import type { View } from '../storage/cache-entry.ts'
import { apiVersionOf } from './context.ts'

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** How events follow each other on the wire. */
export type Framing = {
  readonly type: string
  /** Whether WebSocket messages are text. */
  readonly isText: boolean
  readonly event: (type: string, object: Buffer) => Buffer
  /** The event of a whole object, made once for all watchers. */
  readonly shared: (type: ChangeType, view: View) => Buffer
}

const jsonFraming: Framing = { type: 'application/json', isText: true, event: line, shared: sharedEvents(line) }

/** The JSON framing. */
export function lineFraming(): Framing {
  return jsonFraming
}

/** One pair per encoder, so that what is encoded is shared: with lengths in a body, without in WebSocket messages. */
const protobufFramings = new WeakMap<ProtobufEncoder, { readonly body: Framing; readonly messages: Framing }>()

/** The protobuf framing for a kind; custom resources have no protobuf form and stay with JSON. */
export function protobufFraming({ facts }: Resource, encode: ProtobufEncoder, inMessages: boolean): Framing {
  const sample = { kind: facts.kind, apiVersion: apiVersionOf(facts) }
  if (encode(Buffer.from(JSON.stringify(sample))) === undefined) return jsonFraming
  let framings = protobufFramings.get(encode)
  if (framings === undefined) {
    const message = (type: string, object: Buffer): Buffer => protobufEvent(type, encode(object) ?? object)
    framings = {
      body: protobufFramingOf((type, object) => withLength(message(type, object))),
      messages: protobufFramingOf(message),
    }
    protobufFramings.set(encode, framings)
  }
  return inMessages ? framings.messages : framings.body
}

function protobufFramingOf(event: Framing['event']): Framing {
  return { type: protobufWatchType, isText: false, event, shared: sharedEvents(event) }
}

/** All watchers of a kind get the same buffers, kept with what they show. */
function sharedEvents(encode: Framing['event']): Framing['shared'] {
  const known = new WeakMap<View, Partial<Record<ChangeType, Buffer>>>()
  return (type, view) => {
    let events = known.get(view)
    if (events === undefined) {
      events = {}
      known.set(view, events)
    }
    events[type] ??= encode(type, view.json)
    return events[type]
  }
}

const lineEnd = Buffer.from('}\n')

function line(type: string, object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, lineEnd])
}
