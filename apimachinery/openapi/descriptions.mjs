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
    [...readFileSync(new URL(file, facts), 'utf8').matchAll(/^ {2}'([a-z]+\.(?:v\d+\.)?\w+)': \{$/gm)].map(
      ([, name]) => name,
    ),
  )
}

/** `core.v1.Event` is `CoreV1Event` where the short name is taken, `V1Event` elsewhere. */
function declarationOf(definition) {
  const parts = definition.split('.').map((text) => text.charAt(0).toUpperCase() + text.slice(1))
  const candidates = [parts.join(''), parts.slice(1).join('')]
  return candidates.map((candidate) => new URL(`${candidate}.d.ts`, models)).find((url) => existsSync(url))
}

function prose(comment) {
  return (
    comment
      .replace(/^\s*\* ?/gm, ' ')
      .replace(/\\(['"])/g, '$1')
      .replaceAll('\\n', '\n')
      // The generator has made a space of each end of a line: two of them were an empty line.
      .replace(/[ \t]{2,}/g, '\n\n')
      .trim()
  )
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

const apis = new URL('../../node_modules/@kubernetes/client-node/dist/gen/apis/', import.meta.url)
const entities = { '&#39;': "'", '&quot;': '"', '&#x60;': '`', '&#x3D;': '=', '&lt;': '<', '&gt;': '>', '&amp;': '&' }

/** Texts of query parameters, from the calls of one API; where a name has two of them, the second says whose it is. */
function parameterTexts() {
  const text = readFileSync(new URL('CoreV1Api.d.ts', apis), 'utf8')
  const calls = text
    .slice(0, text.indexOf('ApiResponseProcessor'))
    .matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)\(/g)
  const found = {}
  for (const [, comment, method] of calls) {
    for (const [, name, words] of comment.matchAll(/@param _?(\w+) (.+)/g)) {
      const key = keyOf(name, method)
      found[key] ??= words
        .replace(/\\?(&[#\w]+;)/g, (whole, entity) => entities[entity] ?? whole)
        .replace(/ {2,}(?=[A-Z-])/g, '\n\n')
    }
  }
  return found
}

function keyOf(name, method) {
  if (name === 'fieldManager' && method.startsWith('patch')) return 'patch fieldManager'
  if (name === 'container' && method === 'readNamespacedPodLog') return 'log container'
  return name
}

export function collectDescriptions() {
  const found = { parameters: ['', parameterTexts()] }
  for (const definition of definitionNames()) {
    for (const name of [definition, `${definition}List`]) {
      const url = declarationOf(name)
      if (url !== undefined) found[name] = parse(readFileSync(url, 'utf8'))
    }
  }
  return found
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = process.argv[2]
  if (target === undefined) throw new Error('Usage: descriptions.mjs FILE')
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, JSON.stringify(collectDescriptions()))
}
