/** `'a1b22'.findAll('[0-9]+')`: patterns in RE2's syntax, which run in linear time. Source: apiserver `pkg/cel/library/regex.go`. */
import type { RE2JS } from 're2js'
import { CelError } from '../errors.ts'
import { matchingCost } from '../estimate-standard.ts'
import type { Library } from '../library.ts'
import { compilePattern } from '../patterns.ts'
import { sizeOf } from '../runtime-type.ts'
import { celTypes, listOf } from '../types.ts'
import { type CelValue, listValue } from '../values.ts'
import { type CallCosts, sizeOfArgument } from './call-costs.ts'
import { matching } from './costs.ts'
import { intAt, method, stringAt } from './declare.ts'

function patternAt(args: readonly CelValue[], index: number): RE2JS {
  const source = stringAt(args, index)
  try {
    return compilePattern(source)
  } catch (error) {
    throw error instanceof CelError ? new CelError(`Illegal regex: ${error.message}`) : error
  }
}

function find(args: readonly CelValue[]): string {
  const matcher = patternAt(args, 1).matcher(stringAt(args, 0))
  return matcher.find() ? (matcher.group() ?? '') : ''
}

/** At most `limit` matches, all when it is negative. An empty match right behind another match does not count. */
function findAll(args: readonly CelValue[], limit: bigint): CelValue {
  const text = stringAt(args, 0)
  const matcher = patternAt(args, 1).matcher(text)
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)
  const found: string[] = []
  let end = -1
  while (found.length < most && matcher.find()) {
    if (matcher.end() === end && matcher.start() === end) continue
    end = matcher.end()
    found.push(matcher.group() ?? '')
  }
  return listValue(found)
}

const { string, int } = celTypes

const costs: CallCosts = {
  cost: ([text, pattern]) => matching(sizeOf(text), sizeOf(pattern)),
  estimate: (args) => {
    const text = sizeOfArgument(args, 0)
    return { cost: matchingCost(text, sizeOfArgument(args, 1)), resultSize: { min: 0, max: text.max } }
  },
}

/** Functions that find patterns in texts. */
export const regexLibrary: Library = {
  name: 'kubernetes.regex',
  functions: [
    { name: 'find', overloads: [method('string_find_string', [string, string], string, find, costs)] },
    {
      name: 'findAll',
      overloads: [
        method('string_find_all_string', [string, string], listOf(string), (args) => findAll(args, -1n), costs),
        method(
          'string_find_all_string_int',
          [string, string, int],
          listOf(string),
          (args) => findAll(args, intAt(args, 2)),
          costs,
        ),
      ],
    },
  ],
}
