/** Declarations of the conversions: `int(x)`, `string(x)`, `type(x)`, `dyn(x)`. */
import { toBool, toBytes, toDouble, toDuration, toInt, toText, toTimestamp, toUint } from './convert.ts'
import type { FunctionDeclaration, Overload } from './library.ts'
import { runtimeType } from './runtime-type.ts'
import { readFirst } from './standard-costs.ts'
import { type CelType, celTypes, param, typeOf } from './types.ts'
import { type CelValue, typeValue } from './values.ts'

const { bool, bytes, double, duration, dyn, int, string, timestamp, uint } = celTypes
const a = param('A')

const ids: Readonly<Record<string, string>> = { int: 'int64', uint: 'uint64' }

function idOf(type: CelType): string {
  return ids[type.kind] ?? type.kind
}

function conversion(name: string, to: CelType, from: readonly CelType[], convert: (value: CelValue) => CelValue) {
  return { name, overloads: from.map((type) => convertingOverload(to, type, convert)) }
}

function convertingOverload(to: CelType, from: CelType, convert: (value: CelValue) => CelValue): Overload {
  const reads = (from.kind === 'string' && to.kind === 'bytes') || (from.kind === 'bytes' && to.kind === 'string')
  return {
    id: `${idOf(from)}_to_${idOf(to)}`,
    member: false,
    arguments: [from],
    result: to,
    call: ([value = null]) => convert(value),
    ...(reads ? { cost: readFirst, costNeedsResolution: true } : {}),
  }
}

function generic(name: string, id: string, result: CelType, call: Overload['call']): FunctionDeclaration {
  return { name, overloads: [{ id, member: false, typeParameters: ['A'], arguments: [a], result, call }] }
}

/** Calls of these with a literal are made once, before the run. */
export const conversionNames: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
])

export const conversions: readonly FunctionDeclaration[] = [
  generic('type', 'type', typeOf(a), ([value = null]) => typeValue(runtimeType(value))),
  generic('dyn', 'to_dyn', dyn, ([value = null]) => value),
  conversion('bool', bool, [bool, string], toBool),
  conversion('bytes', bytes, [bytes, string], toBytes),
  conversion('double', double, [double, int, string, uint], toDouble),
  conversion('duration', duration, [duration, int, string], toDuration),
  conversion('int', int, [int, double, duration, string, timestamp, uint], toInt),
  conversion('string', string, [string, bool, bytes, double, duration, int, timestamp, uint], toText),
  conversion('timestamp', timestamp, [timestamp, int, string], toTimestamp),
  conversion('uint', uint, [uint, double, int, string], toUint),
]
