/**
 * Expressions that choose devices: `device.driver == 'x' && device.attributes['x'].size > 3`. They are compiled and their cost is
 * estimated where they are written. Source: k8s.io/dynamic-resource-allocation/cel.
 */
import { compile } from '../../apimachinery/cel/compile.ts'
import { estimateCost } from '../../apimachinery/cel/cost-estimate.ts'
import { extendEnvironment } from '../../apimachinery/cel/environment.ts'
import { bindingsLibrary } from '../../apimachinery/cel/library/bindings.ts'
import { baseEnvironment } from '../../apimachinery/cel/library/kubernetes.ts'
import { quantityType } from '../../apimachinery/cel/library/quantity.ts'
import type { Range } from '../../apimachinery/cel/library.ts'
import { typesByName } from '../../apimachinery/cel/object-type.ts'
import type { SchemaType } from '../../apimachinery/cel/schema-types.ts'
import { type CelType, celTypes, formatType, mapOf, objectType, typeName } from '../../apimachinery/cel/types.ts'
import { forbiddenField, internalError, invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import type { Causes } from '../meta/causes.ts'
import { eachAtMost } from './lists.ts'
import type { DeviceSelector } from './v1.ts'

const maxSelectors = 32
const maxExpressionBytes = 10 * 1024
const maxCost = 1_000_000

const { string, bool, any } = celTypes
const deviceName = 'kubernetes.DRADevice'
const fields: Readonly<Record<string, CelType>> = {
  driver: string,
  allowMultipleAllocations: bool,
  attributes: mapOf(string, mapOf(string, any)),
  capacity: mapOf(string, mapOf(string, quantityType)),
}
const environment = extendEnvironment(baseEnvironment(), {
  libraries: [bindingsLibrary],
  variables: { device: objectType(deviceName) },
  provider: typesByName([
    { name: deviceName, fields: new Map(Object.entries(fields).map(([name, type]) => [name, { type }])) },
  ]),
})

const text = (maxElements: number): SchemaType => ({ kind: 'string', minSize: 2, maxElements })
/** Names with their domain; a device has 32 attributes and capacities at most. */
const byDomain = (elements: SchemaType): SchemaType => {
  const byName: SchemaType = { kind: 'map', minSize: 2, maxElements: 32, elements }
  return { ...byName, elements: byName }
}
const sizes: SchemaType = {
  kind: 'object',
  minSize: 2,
  maxElements: 0,
  fields: new Map<string, SchemaType>([
    ['driver', text(63)],
    ['allowMultipleAllocations', { kind: 'bool', minSize: 4, maxElements: 1 }],
    ['attributes', byDomain(text(64))],
    ['capacity', byDomain(text(0))],
  ]),
}

/** The size of what is found at a path; entries of maps are named in it as fields are, or as `@values`. */
function sizeAt(path: readonly string[]): Range | undefined {
  let type: SchemaType | undefined = path[0] === 'device' ? sizes : undefined
  for (const step of path.slice(1)) {
    if (step === '@keys') return { min: 0, max: 63 }
    type = type?.kind === 'map' ? type.elements : type?.fields?.get(step)
  }
  return type === undefined ? undefined : { min: 0, max: type.maxElements }
}

/** Selectors of a class or of a request. */
export function validateSelectors(selectors: readonly DeviceSelector[] | undefined, field: string): Causes {
  return eachAtMost(field, selectors, maxSelectors, ({ cel }, path) =>
    cel === undefined ? [required(`${path}.cel`)] : validateExpression(cel.expression, `${path}.cel.expression`),
  )
}

function validateExpression(source: string, field: string): Causes {
  if (Buffer.byteLength(source) > maxExpressionBytes) return [tooLong(field, maxExpressionBytes)]
  const compiled = compile(environment, source)
  if (compiled.type === 'issues') {
    return compiled.stage === 'check'
      ? [invalidValue(field, source, `compilation failed: ${compiled.text}`)]
      : [internalError(field, `program instantiation failed: ${compiled.text}`)]
  }
  const { outputType, ast } = compiled.program
  if (outputType.kind !== 'bool' && outputType.kind !== 'any') {
    return [invalidValue(field, source, `must evaluate to bool or the unknown type, not ${shownType(outputType)}`)]
  }
  const { max } = estimateCost(environment, ast, sizeAt)
  return max > maxCost ? [forbiddenField(field, 'too complex, exceeds cost limit')] : []
}

/** Lists and maps are shown with what is in them. */
function shownType(type: CelType): string {
  return type.kind === 'list' || type.kind === 'map' ? formatType(type) : typeName(type)
}
