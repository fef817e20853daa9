/**
 * The language's own conformance data (google/cel-spec, by way of `@bufbuild/cel-spec`) against our compiler and evaluator. Left out
 * is what Kubernetes has no use for: protobuf messages, enums, wrappers, and tests that only run unchecked.
 */
import { tests as conformance } from '@bufbuild/cel-spec/testdata/conformance.js'
import { describe, expect, test } from 'vitest'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { bindingsLibrary } from './bindings-library.ts'
import { compile } from './compile.ts'
import { createEnvironment, type Environment } from './environment.ts'
import { equals } from './equality.ts'
import { CelError } from './errors.ts'
import { kubernetesLibraries } from './library/kubernetes.ts'
import type { FunctionDeclaration, Overload } from './library.ts'
import { runtimeTypeName } from './runtime-type.ts'
import { parseDuration, parseTimestamp } from './time-values.ts'
import {
  type CelType,
  celTypes,
  formatType,
  listOf,
  mapOf,
  objectType,
  opaque,
  optionalOf,
  param,
  typeOf,
} from './types.ts'
import { type CelValue, listValue, mapValue, typeValue, uint } from './values.ts'

/** Whole sections about what Kubernetes does not serve. */
const leftOut = new Set([
  'block_ext',
  'encoders_ext',
  'enums',
  'math_ext',
  'network_ext',
  'proto2',
  'proto2_ext',
  'proto3',
  'unknowns',
  'wrappers',
])
const protobuf = /TestAllTypes|google\.protobuf\.|cel\.expr|proto[23]|NestedEnum|GlobalEnum/

/** Where upstream's environment differs from the specification's, or cel-go does: by section, why, and which tests. */
const different: readonly (readonly [section: string, why: string, tests: readonly string[]])[] = [
  [
    'fields',
    'Kubernetes does not turn names in backticks on',
    [
      'quoted_map_fields/field_access_dash',
      'quoted_map_fields/field_access_dot',
      'quoted_map_fields/field_access_slash',
      'quoted_map_fields/has_field_dash',
      'quoted_map_fields/has_field_dot',
      'quoted_map_fields/has_field_slash',
    ],
  ],
  [
    'fields',
    'upstream takes such keys',
    [
      'qualified_identifier_resolution/map_key_float',
      'qualified_identifier_resolution/map_value_repeat_key',
      'qualified_identifier_resolution/map_value_repeat_key_heterogeneous',
    ],
  ],
  ['dynamic', 'there is no `google.protobuf.Value`', ['value_null/literal']],
  [
    'optionals',
    'upstream answers false without an error',
    ['optionals/map_null_entry_no_such_key', 'optionals/map_present_key_invalid_field'],
  ],
  [
    'string_ext',
    'Kubernetes serves version 2 of the strings library, whose texts are older',
    [
      'format/NaN support for decimal',
      'format/NaN support for scientific notation',
      'format/default precision for scientific notation',
      'format/dyntype NaN/infinity support',
      'format/dyntype support for lists',
      'format/dyntype support for maps',
      'format/dyntype support for scientific notation',
      'format/list support for string',
      'format/map support (all key types)',
      'format/map support for string',
      'format/negative infinity support for decimal',
      'format/negative infinity support for fixed-point',
      'format/negative infinity support for scientific notation',
      'format/positive infinity support for decimal',
      'format/positive infinity support for fixed-point',
      'format/positive infinity support for scientific notation',
      'format/scientific notation formatting clause',
      'format/scientific notation formatting clause in a string variable',
    ],
  ],
  [
    'string_ext',
    'Kubernetes serves version 2 of the strings library, which finds nothing behind the end',
    ['value_errors/indexof_out_of_range', 'value_errors/lastindexof_out_of_range'],
  ],
  [
    'type_deductions',
    'follows cel-go, which takes null for no optional value',
    ['legacy_nullable_types/null_assignable_to_abstract_parameter_candidate'],
  ],
]

function isDifferent(section: string, name: string): boolean {
  return different.some(([where, , tests]) => where === section && tests.includes(name))
}

/** What the data says in terms that have no meaning here. */
class NotForUs extends Error {}

const primitives = new Map<Json | undefined, CelType>([
  ['BOOL', celTypes.bool],
  ['INT64', celTypes.int],
  ['UINT64', celTypes.uint],
  ['DOUBLE', celTypes.double],
  ['STRING', celTypes.string],
  ['BYTES', celTypes.bytes],
])
const wellKnown = new Map<Json | undefined, CelType>([
  ['TIMESTAMP', celTypes.timestamp],
  ['DURATION', celTypes.duration],
])
const named = new Map<string, CelType>([
  ...Object.values(celTypes).map((type): [string, CelType] => [formatType(type), type]),
  ['google.protobuf.Timestamp', celTypes.timestamp],
  ['google.protobuf.Duration', celTypes.duration],
  ['list', listOf(celTypes.dyn)],
  ['map', mapOf(celTypes.dyn, celTypes.dyn)],
  ['null_type', celTypes.null],
  ['optional_type', optionalOf(celTypes.dyn)],
])

const object = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {})
const list = (value: Json | undefined): readonly Json[] => (isJsonList(value) ? value : [])
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

function readType(wire: Json | undefined): CelType {
  const type = object(wire)
  const simple = primitives.get(type['primitive']) ?? wellKnown.get(type['wellKnown'])
  if (simple !== undefined) return simple
  if ('dyn' in type) return celTypes.dyn
  if ('null' in type) return celTypes.null
  if ('listType' in type) return listOf(readType(object(type['listType'])['elemType'] ?? { dyn: {} }))
  if ('mapType' in type) {
    const { keyType, valueType } = object(type['mapType'])
    return mapOf(readType(keyType), readType(valueType))
  }
  if ('type' in type) return typeOf(readType(type['type']))
  if ('typeParam' in type) return param(text(type['typeParam']))
  if ('abstractType' in type) {
    const { name, parameterTypes } = object(type['abstractType'])
    return opaque(text(name), ...list(parameterTypes).map(readType))
  }
  throw new NotForUs('type')
}

function readValue(wire: Json | undefined): CelValue {
  const value = object(wire)
  const [[kind = '', content] = []] = Object.entries(value)
  switch (kind) {
    case 'int64Value':
      return BigInt(text(content))
    case 'uint64Value':
      return uint(BigInt(text(content)))
    case 'doubleValue':
      return Number(content)
    case 'stringValue':
      return text(content)
    case 'boolValue':
      return content === true
    case 'nullValue':
      return null
    case 'bytesValue':
      return new Uint8Array(Buffer.from(text(content), 'base64'))
    case 'listValue':
      return listValue(list(object(content)['values']).map(readValue))
    case 'mapValue':
      return mapValue(list(object(content)['entries']).map((entry) => readEntry(object(entry))))
    case 'typeValue':
      return typeValue(named.get(text(content)) ?? objectType(text(content)))
    case 'objectValue':
      return readMessage(object(content))
    default:
      throw new NotForUs('value')
  }
}

function readEntry({ key, value }: JsonObject): [CelValue, CelValue] {
  return [readValue(key), readValue(value)]
}

function readMessage({ '@type': type, value }: JsonObject): CelValue {
  const read = text(type).endsWith('.Duration')
    ? parseDuration(text(value))
    : text(type).endsWith('.Timestamp')
      ? parseTimestamp(text(value))
      : undefined
  if (read === undefined) throw new NotForUs('message')
  return read
}

type Prepared = { readonly environment: Environment; readonly activation: Readonly<Record<string, CelValue>> }

function prepare(original: JsonObject): Prepared {
  const variables: Record<string, CelType> = {}
  const functions: FunctionDeclaration[] = []
  for (const declaration of list(original['typeEnv']).map(object)) {
    const name = text(declaration['name'])
    if ('ident' in declaration) variables[name] = readType(object(declaration['ident'])['type'])
    else functions.push({ name, overloads: list(object(declaration['function'])['overloads']).map(readOverload) })
  }
  const activation: Record<string, CelValue> = {}
  for (const [name, binding] of Object.entries(object(original['bindings']))) {
    activation[name] = readValue(object(binding)['value'])
    variables[name] ??= celTypes.dyn
  }
  const environment = createEnvironment({
    libraries: [bindingsLibrary, ...kubernetesLibraries, { name: 'declared by the test', functions }],
    variables,
    container: text(original['container']),
    mixedLiterals: true,
  })
  return { environment, activation }
}

function readOverload(wire: Json): Overload {
  const { overloadId, isInstanceFunction, typeParams, params, resultType } = object(wire)
  return {
    id: text(overloadId),
    member: isInstanceFunction === true,
    typeParameters: list(typeParams).map(text),
    arguments: list(params).map(readType),
    result: readType(resultType),
    call: () => {
      throw new CelError('unbound function')
    },
  }
}

/** Holds one test; throws `NotForUs` where it says nothing about us. */
function hold(original: JsonObject): void {
  const expression = text(original['expr'])
  if (protobuf.test(expression)) throw new NotForUs('protobuf')
  const { environment, activation } = prepare(original)
  const compiled = compile(environment, expression)
  const wanted = object(original['typedResult'])
  if (compiled.type === 'issues') {
    if (original['disableCheck'] === true) throw new NotForUs('runs unchecked only')
    // What fails at run time in the specification may fail earlier here.
    expect(original, compiled.text).toHaveProperty('evalError')
    return
  }
  const { program } = compiled
  if ('deducedType' in wanted) expect(formatType(program.outputType)).toBe(formatType(readType(wanted['deducedType'])))
  if (original['checkOnly'] === true || ('typedResult' in original && !('result' in wanted))) return
  const { value } = program.run(activation)
  if ('evalError' in original) {
    expect(value).toBeInstanceOf(CelError)
    return
  }
  const want =
    'result' in wanted ? readValue(wanted['result']) : 'value' in original ? readValue(original['value']) : true
  if (typeof want === 'number' && Number.isNaN(want)) expect(value).toBeNaN()
  else expect([value, isSame(value, want)]).toEqual([value, true])
}

function isSame(value: CelValue | CelError, want: CelValue): boolean {
  if (value instanceof CelError) return false
  return runtimeTypeName(value) === runtimeTypeName(want) && equals(value, want)
}

for (const section of conformance.suites ?? []) {
  if (leftOut.has(section.name)) continue
  describe(`compile() and run() on the specification's ${section.name}`, () => {
    for (const group of section.suites ?? []) {
      for (const { original } of group.tests ?? []) {
        const name = `${group.name}/${original.name ?? ''}`
        test.skipIf(isDifferent(section.name, name))(`${name}: ${original.expr}`, ({ skip }) => {
          try {
            // The package's JSON type is the same as ours but for `undefined`.
            hold(original as unknown as JsonObject)
          } catch (error) {
            if (error instanceof NotForUs) skip(error.message)
            throw error
          }
        })
      }
    }
  })
}
