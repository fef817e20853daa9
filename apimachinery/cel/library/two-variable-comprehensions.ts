/** `{'a': 1}.transformMap(k, v, v + 1)`: macros whose loops have a key or index and a value. Source: cel-go `ext/comprehensions.go`. */
import type { Expression } from '../ast.ts'
import { CelError, noSuchOverload } from '../errors.ts'
import type { Library, Macro } from '../library.ts'
import { type MacroContext, MacroError } from '../macro.ts'
import { all, collect, exists, existsOne, type LoopParts, loopVariable } from '../macros.ts'
import { mapOf, param } from '../types.ts'
import { type CelValue, isKind, type MapValue } from '../values.ts'
import { fn } from './declare.ts'
import { insertEntry } from './growing-map.ts'

/** What a macro does in its loop; `args` come after the two variables. */
type Body = (context: MacroContext, args: readonly Expression[], key: Expression) => LoopParts

const notAName = 'argument must be a simple name'
const insertFunction = 'cel.@mapInsert'

function macro(name: string, argumentCount: number, body: Body): Macro {
  return {
    name,
    receiver: true,
    argumentCount,
    expand: (context, target, [first, second, ...rest]) => {
      if (target === undefined || first === undefined || second === undefined) return undefined
      const names = variables(context, first, second)
      const parts = body(context, rest, first)
      return context.comprehension({ range: target, ...names, accumulator: context.accumulatorName, ...parts })
    },
  }
}

/** The names are looked at before what they are: duplicates first, then the accumulator's name. */
function variables(context: MacroContext, first: Expression, second: Expression) {
  for (const expression of [first, second]) {
    if (expression.kind !== 'identifier') throw new MacroError(expression.id, notAName)
  }
  if (first.kind === 'identifier' && second.kind === 'identifier' && first.name === second.name) {
    throw new MacroError(second.id, `duplicate variable name: ${second.name}`)
  }
  return { variable: loopVariable(context, first, notAName), variable2: loopVariable(context, second, notAName) }
}

/** With three arguments the first is a filter. */
function filtered(args: readonly Expression[]): {
  readonly predicate: Expression | undefined
  readonly transform: Expression
} {
  const [first, second] = args
  if (first === undefined) throw new RangeError('a macro is expanded only with all its arguments')
  return second === undefined ? { predicate: undefined, transform: first } : { predicate: first, transform: second }
}

const transformList: Body = (context, args) => {
  const { predicate, transform } = filtered(args)
  return collect(context, transform, predicate)
}

/** Keeps the keys. */
const transformMap: Body = (context, args, key) => {
  const { predicate, transform } = filtered(args)
  const name = key.kind === 'identifier' ? key.name : ''
  return intoMap(context, predicate, [context.identifier(name), transform])
}

/** Makes entries from maps of one or more entries. */
const transformMapEntry: Body = (context, args) => {
  const { predicate, transform } = filtered(args)
  return intoMap(context, predicate, [transform])
}

function intoMap(context: MacroContext, predicate: Expression | undefined, inserted: readonly Expression[]): LoopParts {
  const longer = context.call(insertFunction, context.accumulator(), ...inserted)
  return {
    initial: context.map(),
    condition: context.literal(true),
    step: predicate === undefined ? longer : context.call('_?_:_', predicate, longer, context.accumulator()),
    result: context.accumulator(),
  }
}

const keyType = param('K')
const valueType = param('V')
const mapType = mapOf(keyType, valueType)

function insertOne([map, key, value]: readonly CelValue[]): CelValue {
  if (!isKind(map, 'map') || key === undefined || value === undefined) throw noSuchOverload()
  return insertEntry(map, key, value)
}

function insertAll([map, added]: readonly CelValue[]): CelValue {
  if (!isKind(map, 'map') || !isKind(added, 'map')) throw new CelError(`no such overload: ${insertFunction}`)
  let result: MapValue = map
  for (const key of added.keys()) result = insertEntry(result, key, added.find(key) ?? null)
  return result
}

/** Macros with two variables and the function that their loops call. */
export const twoVariableComprehensions: Library = {
  name: 'cel.lib.ext.comprev2',
  functions: [
    {
      name: insertFunction,
      overloads: [
        fn('@mapInsert_map_key_value', [mapType, keyType, valueType], mapType, insertOne),
        fn('@mapInsert_map_map', [mapType, mapType], mapType, insertAll),
      ],
    },
  ],
  macros: [
    macro('all', 3, all),
    macro('exists', 3, exists),
    macro('existsOne', 3, existsOne),
    macro('exists_one', 3, existsOne),
    macro('transformList', 3, transformList),
    macro('transformList', 4, transformList),
    macro('transformMap', 3, transformMap),
    macro('transformMap', 4, transformMap),
    macro('transformMapEntry', 3, transformMapEntry),
    macro('transformMapEntry', 4, transformMapEntry),
  ],
}
