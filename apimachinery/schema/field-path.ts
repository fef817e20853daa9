/**
 * Paths to a field of a schema, as rules and selectable fields name them: `.spec.host`, `.labels['app']`.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go` (`ValidFieldPath`).
 */
import { getOwn, isJsonObject, type JsonObject } from '../json.ts'
import { schemaAt } from './structural.ts'

/** The path as messages show it and the schema that it leads to, or what is wrong with it. */
export type FieldPath =
  | { readonly type: 'found'; readonly path: string; readonly first: string; readonly schema: JsonObject | undefined }
  | { readonly type: 'invalid'; readonly problem: string }

/** Follows a path; without `arrays`, `['name']` is refused. */
export function followFieldPath(text: string, root: JsonObject, arrays = true): FieldPath {
  const tokens = tokensOf(text)
  let at = 0
  let path = ''
  let first = ''
  let schema: JsonObject | undefined = root
  const invalid = (problem: string): FieldPath => ({ type: 'invalid', problem })
  while (at < tokens.length) {
    const token = tokens[at++] ?? ''
    if (token !== '.' && token !== '[') return invalid(`expected [ or . but got: ${token}`)
    if (token === '[' && !arrays) return invalid('array notation is not allowed')
    const next = tokens[at++]
    if (next === undefined) return invalid('unexpected end of JSON path')
    const name = token === '.' ? { text: next } : unquote(next)
    if (name.text === undefined) return invalid(name.problem ?? '')
    if (schema === undefined) return invalid('does not refer to a valid field')
    const step = stepInto(schema, name.text)
    if (step === undefined) return invalid('does not refer to a valid field')
    first = path === '' ? name.text : first
    path = step.isNamed ? (path === '' ? name.text : `${path}.${name.text}`) : `${path}[${name.text}]`
    schema = step.schema
    if (token === '.') continue
    const end = tokens[at++]
    if (end === undefined) return invalid('unexpected end of JSON path')
    if (end !== ']') return invalid(`expected ] but got ${end}`)
  }
  return { type: 'found', path, first, schema }
}

function stepInto(
  schema: JsonObject,
  name: string,
): { readonly isNamed: boolean; readonly schema: JsonObject | undefined } | undefined {
  const properties = schemaAt(schema, 'properties')
  if (properties !== undefined) {
    const property = schemaAt(properties, name)
    return property === undefined ? undefined : { isNamed: true, schema: property }
  }
  const additional = getOwn(schema, 'additionalProperties')
  if (additional === undefined) return undefined
  return { isNamed: false, schema: isJsonObject(additional) ? additional : undefined }
}

/** `.`, `[` and `]` each stand alone; within single quotes they mean nothing. A quote that is never closed is one token. */
function tokensOf(text: string): readonly string[] {
  return text.match(/'(?:[^'\\]|\\.|\\)*?(?<=[^\\])'|'.*$|[.[\]]|[^.[\]']+(?:[^.[\]]*)/gs) ?? []
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
}

function unquote(token: string): { readonly text?: string; readonly problem?: string } {
  if (token.length < 2 || !token.startsWith("'") || !token.endsWith("'")) {
    return { problem: `expected single quoted string but got ${token}` }
  }
  const wrong = [...token.slice(1, -1).matchAll(/\\(.)/g)].find(([, letter = '']) => !Object.hasOwn(escapes, letter))
  if (wrong !== undefined) return { problem: `invalid string literal: invalid escape char ${wrong[0]}` }
  return { text: token.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? '') }
}
