/** The `continue` token of paged lists: where to go on, and at which revision. Source: upstream's `EncodeContinue`. */
import { posix } from 'node:path'
import { goType, isJsonObject, type Json } from '../../apimachinery/json.ts'
import { JsonSyntaxError, parseJson } from '../../apimachinery/schema/parse-json.ts'
import { badRequest, type StatusError } from '../../apimachinery/status.ts'

/** `revision` -1: go on with the current state, after the old one has expired. `after` is relative to the collection. */
export type ContinueToken = { readonly revision: number; readonly after: string }

/** Opaque text for clients. */
export function encodeContinue({ revision, after }: ContinueToken): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${after}\0` }
  return Buffer.from(JSON.stringify(token)).toString('base64url')
}

/** Throws BadRequest for what is not ours. Source: `DecodeContinue`. */
export function decodeContinue(text: string): ContinueToken {
  const token = parse(text) ?? {}
  if (!isJsonObject(token)) {
    throw invalidToken(`: json: cannot unmarshal ${goType(token)} into Go value of type storage.continueToken`)
  }
  const { v = '', rv = 0, start = '' } = token
  if (typeof rv !== 'number') throw wrongField('rv', rv, 'int64')
  if (typeof start !== 'string') throw wrongField('start', start, 'string')
  if (typeof v !== 'string') throw wrongField('v', v, 'string')
  if (v !== 'meta.k8s.io/v1') throw invalidToken(`: server does not recognize this encoded version ${v}`)
  if (rv === 0) throw invalidToken(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (start === '') throw invalidToken(': encoded start key empty (version meta.k8s.io/v1)')
  // No way up: the key is joined to the collection's prefix.
  if (posix.normalize(`/${start.replace(/^\//, '')}`) !== `/${start.replace(/^\//, '')}`)
    throw invalidToken(`: ${start}`)
  return { revision: rv, after: start.replace(/^\//, '').replace(/\0$/, '') }
}

function invalidToken(problem: string): StatusError {
  return badRequest(`invalid continue token: continue key is not valid${problem}`)
}

function wrongField(name: string, value: Json | undefined, type: string): StatusError {
  const field = `Go struct field continueToken.${name} of type ${type}`
  return invalidToken(`: json: cannot unmarshal ${goType(value)} into ${field}`)
}

function parse(text: string): Json {
  const wrong = wrongBase64(text)
  if (wrong !== undefined) throw invalidToken(`: illegal base64 data at input byte ${wrong}`)
  try {
    return parseJson(Buffer.from(text, 'base64url').toString('utf8')).value
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw invalidToken(`: ${error.message}`)
    throw error
  }
}

/** Where Go's raw URL decoder stops, which knows no padding; line ends do not count. */
function wrongBase64(text: string): number | undefined {
  const wrong = /[^A-Za-z0-9_\-\r\n]/.exec(text)
  if (wrong !== null) return wrong.index
  const digits = text.replace(/[\r\n]/g, '').length
  return digits % 4 === 1 ? text.length - 1 : undefined
}
