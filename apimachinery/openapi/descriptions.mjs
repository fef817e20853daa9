/**
 * Build step: collects the prose of API fields from the declarations of `@kubernetes/client-node`, a development dependency,
 * because the project's table has none. Writes one JSON file, definition -> [text, { field: text }], that the API server reads
 * when it is asked for OpenAPI documents.
 *
 *   node apimachinery/openapi/descriptions.mjs dist/api-descriptions.json
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const models = new URL('../../node_modules/@kubernetes/client-node/dist/gen/models/', import.meta.url)
const facts = new URL('../../api/facts/', import.meta.url)

/** Definitions of the table by scanning its text, so that this step needs no TypeScript. */
function definitionNames() {
  return readdirSync(facts).flatMap((file) =>
    [...readFileSync(new URL(file, facts), 'utf8').matchAll(/^ {2}'([a-z]+\.v\d+\.\w+)': \{$/gm)].map(
      ([, name]) => name,
    ),
  )
}

/** `core.v1.Event` is `CoreV1Event` where the short name is taken, `V1Event` elsewhere. */
function declarationOf(definition) {
  const [family, version, name] = definition.split('.')
  const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1)
  const candidates = [`${upper(family)}${upper(version)}${name}`, `${upper(version)}${name}`]
  return candidates.map((candidate) => new URL(`${candidate}.d.ts`, models)).find((url) => existsSync(url))
}

function prose(comment) {
  return comment
    .replace(/^\s*\* ?/gm, ' ')
    .replace(/\\(['"])/g, '$1')
    .replaceAll('\\n', '\n')
    .replace(/[ \t]+/g, ' ')
    .trim()
}

/** Names that TypeScript's generator has bent: `_enum`, `x_kubernetes_list_type`. */
function jsonName(name) {
  if (name.startsWith('x_kubernetes_')) return name.replaceAll('_', '-')
  return name.startsWith('_') ? name.slice(1) : name
}

/** The class's own text, and that of its properties. */
function parse(text) {
  const whole = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export declare class/.exec(text)?.[1] ?? ''
  const fields = {}
  for (const [, comment, name] of text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*'([^']+)'\??:/g)) {
    fields[jsonName(name)] = prose(comment)
  }
  return [prose(whole), fields]
}

export function collectDescriptions() {
  const found = {}
  for (const definition of definitionNames()) {
    const url = declarationOf(definition)
    if (url !== undefined) found[definition] = parse(readFileSync(url, 'utf8'))
  }
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = process.argv[2]
  if (target === undefined) throw new Error('Usage: descriptions.mjs FILE')
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, JSON.stringify(collectDescriptions()))
}
