/** The `continue` token of paged lists: where to go on, and at which revision. Source: upstream's `EncodeContinue`. */
import { isJsonObject } from '../../apimachinery/json.ts'
import { badRequest } from '../../apimachinery/status.ts'

/** `revision` -1: go on with the current state, after the old one has expired. `after` is relative to the collection. */
export type ContinueToken = { readonly revision: number; readonly after: string }

/** Opaque text for clients. */
export function encodeContinue({ revision, after }: ContinueToken): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${after}\0` }
  return Buffer.from(JSON.stringify(token)).toString('base64url')
}

/** Throws BadRequest for what is not ours. */
export function decodeContinue(text: string): ContinueToken {
  const token = parse(text)
  if (!isJsonObject(token) || token['v'] !== 'meta.k8s.io/v1') {
    throw badRequest('continue key is not valid: server does not recognize this encoded version')
  }
  const { rv, start } = token
  if (typeof rv !== 'number' || rv === 0) {
    throw badRequest('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  }
  if (typeof start !== 'string' || start === '' || start.includes('..')) {
    throw badRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)')
  }
  return { revision: rv, after: start.replace(/\0$/, '') }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch (error) {
    throw badRequest(`continue key is not valid: ${error instanceof Error ? error.message : ''}`)
  }
}
