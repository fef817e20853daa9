/** Reading request bodies: at most 3 MiB. */

import type { Readable } from 'node:stream'
import { isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { badRequest, StatusError } from '../../apimachinery/status.ts'
import { parseGoYaml } from './yaml.ts'

/** Source: upstream's `MaxRequestBodyBytes`. */
export const maxBodyBytes = 3 * 1024 * 1024

/** Reads a whole body as it is: like upstream, nothing is unpacked. Throws RequestEntityTooLarge. */
export async function readBody(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  return await new Promise<Buffer>((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBodyBytes) {
        chunks.length = 0
        reject(tooLarge())
      } else chunks.push(chunk)
    })
    stream.once('end', () => {
      signal.removeEventListener('abort', stop)
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
    })
    stream.once('error', (error) => reject(badRequest(`error reading the body of the request: ${error.message}`)))
  })
}

function tooLarge(): StatusError {
  return new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`)
}

/** 415 of upstream's router, which knows what a path consumes. Source: go-restful. */
export function unroutedMediaType(): StatusError {
  return new StatusError('UnsupportedMediaType', '415: Unsupported Media Type', {})
}

/** 415 in upstream's words. */
export function unsupportedMediaType(supported: readonly string[]): StatusError {
  return new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  )
}

/** A YAML text as a value. Throws BadRequest. */
export function parseYamlText(text: string): unknown {
  try {
    return parseGoYaml(text)
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${error instanceof Error ? error.message : ''}`)
  }
}

/** What Go's strict YAML reader says about keys that stand twice in one mapping. Source: yaml.v2 `setMapIndex`. */
export function doubledYamlKeys(text: string): string | undefined {
  const lineCounter = new LineCounter()
  const { contents } = parseDocument(text, { uniqueKeys: false, lineCounter })
  const problems: string[] = []
  visit(contents, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>()
      for (const { key, value } of items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) {
          const start = (isNode(value) ? value.range?.[0] : undefined) ?? key.range?.[0] ?? 0
          problems.push(
            `  line ${lineCounter.linePos(start).line}: key ${JSON.stringify(key.value)} already set in map`,
          )
        }
        seen.add(key.value)
      }
    },
  })
  return problems.length === 0 ? undefined : `yaml: unmarshal errors:\n${problems.join('\n')}`
}
