/**
 * What upstream's evaluator (Kubernetes 1.36.2, stored expressions) answers for each line of `upstream.jsonl`: value or message,
 * run-time cost, static estimate. Left out are answers that we do not want to give; the README names them.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../../json.ts'
import { compile } from '../compile.ts'
import { toText } from '../convert.ts'
import { estimateCost, type SizeEstimator } from '../cost-estimate.ts'
import { extendEnvironment } from '../environment.ts'
import { CelError, CostLimitError } from '../errors.ts'
import { fromJson } from '../json-values.ts'
import { formatDouble } from '../numbers.ts'
import { noTypes } from '../object-type.ts'
import type { Program } from '../program.ts'
import { type CelType, celTypes, listOf, mapOf, typeName } from '../types.ts'
import { type CelValue, itemsOf } from '../values.ts'
import { jsonPatchLibrary } from './json-patch.ts'
import { baseEnvironment } from './kubernetes.ts'

type Row = {
  readonly expression: string
  readonly types?: Readonly<Record<string, string>>
  readonly variables?: JsonObject
  /** By path: least and most. */
  readonly sizes?: Readonly<Record<string, readonly [number, number]>>
  /** The checker's messages. */
  readonly issues?: string
  /** No program can be made. */
  readonly refused?: string
  readonly error?: string
  readonly value?: string
  readonly cost?: number
  readonly min?: number
  readonly max?: number
}

const rows = readFileSync(new URL('./upstream.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line): Row => JSON.parse(line))

const environment = extendEnvironment(baseEnvironment(), { libraries: [jsonPatchLibrary] })
const simpleTypes = new Map<string, CelType>(Object.entries(celTypes))

/** Reads `map(string, list(int))`. */
function readType(text: string): CelType {
  const inner = text.slice(text.indexOf('(') + 1, -1)
  if (text.startsWith('list(')) return listOf(readType(inner))
  if (text.startsWith('map('))
    return mapOf(readType(inner.split(', ', 1)[0] ?? ''), readType(inner.replace(/^\w+, /, '')))
  return simpleTypes.get(text) ?? celTypes.dyn
}

function show(value: CelValue): string {
  switch (typeof value) {
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'number':
      return `double:${formatDouble(value)}`
    case 'string':
      return JSON.stringify(value)
    default:
      return value === null ? 'null' : showObject(value)
  }
}

function showObject(value: Extract<CelValue, object>): string {
  if (value instanceof Uint8Array) return `b:${Buffer.from(value).toString('hex')}`
  switch (value.kind) {
    case 'uint':
      return `${value.value}u`
    case 'optional':
      return value.value === undefined ? 'optional.none' : `optional(${show(value.value)})`
    case 'timestamp':
    case 'duration':
      return `${value.kind}:${toText(value)}`
    case 'list':
      return `[${itemsOf(value).map(show).join(', ')}]`
    case 'map':
      return `{${value
        .keys()
        .map((key) => `${show(key)}: ${show(value.find(key) ?? null)}`)
        .sort()
        .join(', ')}}`
    case 'type':
      return `type:${typeName(value.type)}`
    default:
      return value.typeName
  }
}

function sizesOf({ sizes = {} }: Row): SizeEstimator {
  return (path) => {
    const found = sizes[path.join('.')]
    return found === undefined ? undefined : { min: found[0], max: found[1] }
  }
}

/** What an evaluation may cost. */
const costLimit = 1_000_000

function evaluate(program: Program, types: Readonly<Record<string, CelType>>, variables: JsonObject) {
  const named = Object.entries(variables).map(([name, json]: [string, Json | undefined]) => {
    return [name, fromJson(json ?? null, types[name] ?? celTypes.dyn, noTypes)] as const
  })
  try {
    const { value, cost } = program.evaluate(Object.fromEntries(named), { costLimit })
    return { value: show(value), cost }
  } catch (error) {
    if (error instanceof CelError || error instanceof CostLimitError) return { error: error.message }
    throw error
  }
}

/** All that is answered for a row, in the row's own words. */
function answer(row: Row): Row {
  const { expression, variables = {} } = row
  const types = Object.fromEntries(Object.entries(row.types ?? {}).map(([name, text]) => [name, readType(text)]))
  const extended = extendEnvironment(environment, { variables: types })
  const compiled = compile(extended, expression)
  if (compiled.type === 'issues') {
    return { expression, ...(compiled.stage === 'check' ? { issues: compiled.text } : { refused: compiled.text }) }
  }
  const estimate = estimateCost(extended, compiled.program.ast, sizesOf(row))
  return { expression, ...estimate, ...evaluate(compiled.program, types, variables) }
}

for (const [i, row] of rows.entries()) {
  test(`line ${i + 1}: ${row.expression} is answered as upstream does`, () => {
    const { min, max, ...got } = answer(row)
    const { types: _types, variables: _variables, sizes: _sizes, min: least, max: most, ...want } = row
    expect(got).toEqual(want)
    if (want.refused === undefined && want.issues === undefined) expect([min, max]).toEqual([close(least), close(most)])
  })
}

/** Beyond 2^53 a double only comes close. */
function close(number: number | undefined): unknown {
  return number !== undefined && number > 2 ** 53 ? expect.closeTo(number, -Math.floor(Math.log10(number)) + 9) : number
}
