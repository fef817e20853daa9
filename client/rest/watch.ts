import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { fromStatus } from '../../apimachinery/status.ts'

/** One change of a watched collection. `BOOKMARK` carries only a resource version. */
export type WatchEvent<T> = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }

/** A watch line longer than this is not Kubernetes' (objects are limited to 3 MiB by the server, 1.5 MiB by etcd). */
const maxLineBytes = 16 * 1024 * 1024

/** Cuts a body into lines and reads each as an event. An `ERROR` event is thrown as `StatusError`. */
export async function* decodeWatch<T>(body: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent<T>> {
  let parts: Buffer[] = []
  let held = 0
  for await (const chunk of body) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end))
      const line = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      parts = []
      held = 0
      from = end + 1
      if (line !== undefined && line.length > 0) yield decodeEvent(line.toString('utf8'))
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
    held += chunk.length - from
    if (held > maxLineBytes) throw new Error('a watch event is too long')
  }
}

function decodeEvent<T>(line: string): WatchEvent<T> {
  const event: unknown = JSON.parse(line)
  if (!isJsonObject(event)) throw new Error('a watch event is not an object')
  if (event['type'] === 'ERROR') throw fromStatus(event['object'] as JsonObject, 500)
  // The boundary of the wire: the server promises this shape.
  return event as unknown as WatchEvent<T>
}
