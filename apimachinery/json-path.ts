/**
 * The part of JSONPath that columns, scale and selectable fields of custom kinds use: names, indexes, wildcards, filters that
 * compare one field with a constant, and `..`. Source: client-go `util/jsonpath`.
 */
import { getOwn, isJsonList, isJsonObject, type Json } from './json.ts'

type Step =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'all' }
  | { readonly type: 'deep' }
  | { readonly type: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: Json }

/** A path such as `.status.conditions[?(@.type=="Ready")].status`. */
export type JsonPath = { readonly steps: readonly Step[] }

const tokens =
  /\.\.|\.?\*|\[\*\]|\.((?:\\.|[^.[\]\\])+)|\['((?:\\.|[^'\\])*)'\]|\["((?:\\.|[^"\\])*)"\]|\[(-?\d+)\]|\[\?\(\s*@((?:\.[^\s=!<>)]+)*)\s*(?:(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[^\s)]+))?\s*\)\]/y

/** `undefined` when the text is no path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = []
  let at = 0
  while (at < text.length) {
    tokens.lastIndex = at
    const match = tokens.exec(text)
    if (match === null) return undefined
    const step = stepOf(match)
    if (step === undefined) return undefined
    steps.push(step)
    at += match[0].length
    // `..name`: the name follows without a dot of its own.
    if (step.type === 'deep' && /^[A-Za-z_]/.test(text.slice(at))) at = afterName(text, at, steps)
  }
  return { steps }
}

function afterName(text: string, at: number, steps: Step[]): number {
  const name = /^[^.[\]]+/.exec(text.slice(at))?.[0] ?? ''
  steps.push({ type: 'name', name })
  return at + name.length
}

function stepOf([whole, dotted, single, double, index, path, operator, constant]: RegExpExecArray): Step | undefined {
  if (whole === '..') return { type: 'deep' }
  const name = dotted ?? single ?? double
  if (name === '*' && dotted !== undefined) return { type: 'all' }
  if (name !== undefined) return { type: 'name', name: name.replace(/\\(.)/g, '$1') }
  if (index !== undefined) return { type: 'index', index: Number(index) }
  if (path === undefined) return { type: 'all' }
  const inner = parseJsonPath(path)
  if (inner === undefined) return undefined
  return { type: 'filter', path: inner.steps, operator: operator ?? '', value: constantOf(constant ?? '') }
}

function constantOf(text: string): Json {
  if (/^["']/.test(text)) return text.slice(1, -1)
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

/** All values that the path leads to. */
export function findAll({ steps }: JsonPath, value: Json): readonly Json[] {
  return walk(steps, [value])
}

/** The first value that the path leads to. */
export function findFirst(path: JsonPath, value: Json): Json | undefined {
  return findAll(path, value)[0]
}

function walk(steps: readonly Step[], values: readonly Json[]): readonly Json[] {
  return steps.reduce((found: readonly Json[], step) => found.flatMap((value) => [...take(step, value)]), values)
}

function take(step: Step, value: Json): readonly Json[] {
  switch (step.type) {
    case 'name': {
      const inner = isJsonObject(value) ? getOwn(value, step.name) : undefined
      return inner === undefined ? [] : [inner]
    }
    case 'index': {
      const item = isJsonList(value) ? value.at(step.index) : undefined
      return item === undefined ? [] : [item]
    }
    case 'all':
      return childrenOf(value)
    case 'deep':
      return [value, ...childrenOf(value).flatMap((child) => [...take(step, child)])]
    case 'filter':
      return childrenOf(value).filter((item) => passes(step, item))
  }
}

function childrenOf(value: Json): readonly Json[] {
  if (isJsonList(value)) return value
  return isJsonObject(value) ? Object.values(value).filter((one) => one !== undefined) : []
}

function passes({ path, operator, value }: Extract<Step, { type: 'filter' }>, item: Json): boolean {
  const [found] = walk(path, [item])
  if (operator === '') return found !== undefined
  if (found === undefined || found === null || value === null) return false
  switch (operator) {
    case '==':
      return found === value
    case '!=':
      return found !== value
    case '<':
      return found < value
    case '<=':
      return found <= value
    case '>':
      return found > value
    default:
      return found >= value
  }
}
