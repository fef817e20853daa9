/** `'a,b'.split(',')`, `'%d items'.format([n])`. Source: cel-go `ext/strings.go`, version 2: no `reverse`, and `format` as it was before version 4. */
import { CelError } from '../errors.ts'
import { addRanges, exactly, multiplyRanges, scaleRange, unbounded } from '../estimate-range.ts'
import { stringTraversalCost, traversalCost } from '../estimate-standard.ts'
import type { ArgumentEstimate, CallEstimate, Library, Overload, Range } from '../library.ts'
import { sizeOf } from '../runtime-type.ts'
import { type CelType, celTypes, listOf } from '../types.ts'
import { type CelValue, itemsOf, type ListValue, listValue } from '../values.ts'
import { type CallCosts, copiesFirst, sizeOfArgument } from './call-costs.ts'
import { rewriteFirst, traverseFirst, visitFirst } from './costs.ts'
import { fn, intAt, listAt, method, stringAt } from './declare.ts'
import { checkFormatCall } from './format-check.ts'
import { formatString } from './string-format.ts'
import {
  charAt,
  indexOf,
  join,
  lastIndexOf,
  lastIndexOfFrom,
  lowerAscii,
  quote,
  replace,
  split,
  substring,
  substringFrom,
  trimSpace,
  upperAscii,
} from './text.ts'

const { string, int, dyn } = celTypes

type Call = Overload['call']

function declare(name: string, ...overloads: readonly Overload[]) {
  return { name, overloads }
}

function onText(id: string, rest: readonly CelType[], result: CelType, call: Call, costs?: CallCosts): Overload {
  return method(id, [string, ...rest], result, call, costs)
}

/** The same cost as for lists, where a text counts by its bytes. */
const searched: CallCosts = {
  cost: visitFirst,
  estimate: (args) => ({ cost: traversalCost(sizeOfArgument(args, 0)) }),
}

const replaced: CallCosts = {
  cost: rewriteFirst,
  estimate: (args) => ({
    cost: scaleRange(sizeOfArgument(args, 0), 2 * stringTraversalCost),
    resultSize: replacedSize(sizeOfArgument(args, 0), sizeOfArgument(args, 1), sizeOfArgument(args, 2)),
  }),
}

/**
 * The size after a replacement. At most: the smallest parts are replaced by the largest texts, as often as they fit; at least:
 * the largest by the smallest. An empty part stands between all characters, which stay. A replacement that makes nothing longer
 * (or shorter) counts as none.
 */
export function replacedSize(text: Range, part: Range, by: Range): Range {
  const most = replacements(text.max, part.min, by.max <= part.min)
  const least = replacements(text.min, part.max, part.max <= by.min)
  const counts = { min: least.count, max: most.count }
  return addRanges(multiplyRanges(counts, by), { min: least.kept, max: most.kept })
}

function replacements(text: number, part: number, isNone: boolean): { readonly count: number; readonly kept: number } {
  if (part === 0) return { count: Math.min(text + 1, unbounded), kept: text }
  return isNone ? { count: 0, kept: text } : { count: Math.ceil(text / part), kept: 0 }
}

/** The third argument, when it is written out, bounds the parts. */
const splitCosts: CallCosts = {
  cost: rewriteFirst,
  estimate: (args) => {
    const size = sizeOfArgument(args, 0)
    const limit = args[2]?.literal
    const most = typeof limit === 'bigint' ? Number(BigInt.asUintN(64, limit)) : size.max
    return { cost: scaleRange(size, 2 * stringTraversalCost), resultSize: { min: 0, max: most } }
  },
}

const joinCosts: CallCosts = {
  cost: (_, result) => Math.ceil(sizeOf(result) * 2 * stringTraversalCost),
  estimate: ([list, separator]) => {
    if (list === undefined) return { cost: exactly(1) }
    const resultSize = joinedSize(list, separator)
    return { cost: traversalCost(resultSize), resultSize }
  },
}

/** What is not known to be a list counts as one of empty texts. */
function joinedSize({ type, size, items }: ArgumentEstimate, separator: ArgumentEstimate | undefined): Range {
  const texts = type.kind === 'list' ? multiplyRanges(size, items()) : exactly(0)
  if (separator === undefined) return texts
  const separators = { min: Math.max(size.min - 1, 0), max: Math.max(size.max - 1, 0) }
  return addRanges(texts, multiplyRanges(separator.size, separators))
}

function joinTexts(list: ListValue, separator: string): string {
  const texts = itemsOf(list).map((item) => {
    if (typeof item !== 'string') throw new CelError(`join: invalid input: ${shown(item)}`)
    return item
  })
  return join(texts, separator)
}

/** As Go's `%v` prints a value. */
function shown(value: CelValue): string {
  if (value === null) return '0'
  if (typeof value !== 'object') return String(value)
  if (value instanceof Uint8Array) return `[${value.join(' ')}]`
  switch (value.kind) {
    case 'uint':
      return String(value.value)
    case 'list':
      return `[${itemsOf(value).map(shownInside).join(', ')}]`
    case 'map':
      return `{${value
        .keys()
        .map((key) => `${shownInside(key)}: ${shownInside(value.find(key) ?? null)}`)
        .join(', ')}}`
    default:
      return value.kind
  }
}

function shownInside(value: CelValue): string {
  return typeof value === 'string' ? value : shown(value)
}

const formatCosts: Pick<Overload, 'cost' | 'costNeedsResolution' | 'estimate'> = {
  cost: traverseFirst,
  costNeedsResolution: true,
  estimate: (args) => ({ cost: traversalCost(sizeOfArgument(args, 0)) }),
}

/** Every character may be escaped and quotes are added. The largest size wraps around upstream's uint64 to nothing. */
function estimateQuote(args: readonly ArgumentEstimate[]): CallEstimate {
  const { min, max } = sizeOfArgument(args, 0)
  return {
    cost: traversalCost({ min, max }),
    resultSize: { min: min + 2, max: max >= unbounded ? 0 : (max * 2 + 2) % unbounded },
  }
}

/** Functions on texts. */
export const stringLibrary: Library = {
  name: 'cel.lib.ext.strings',
  checks: [checkFormatCall],
  functions: [
    declare(
      'charAt',
      onText('string_char_at_int', [int], string, (args) => charAt(stringAt(args, 0), intAt(args, 1))),
    ),
    declare(
      'indexOf',
      onText(
        'string_index_of_string',
        [string],
        int,
        (args) => indexOf(stringAt(args, 0), stringAt(args, 1), 0n),
        searched,
      ),
      onText(
        'string_index_of_string_int',
        [string, int],
        int,
        (args) => indexOf(stringAt(args, 0), stringAt(args, 1), intAt(args, 2)),
        searched,
      ),
    ),
    declare(
      'lastIndexOf',
      onText(
        'string_last_index_of_string',
        [string],
        int,
        (args) => lastIndexOf(stringAt(args, 0), stringAt(args, 1)),
        searched,
      ),
      onText(
        'string_last_index_of_string_int',
        [string, int],
        int,
        (args) => lastIndexOfFrom(stringAt(args, 0), stringAt(args, 1), intAt(args, 2)),
        searched,
      ),
    ),
    declare(
      'lowerAscii',
      onText('string_lower_ascii', [], string, (args) => lowerAscii(stringAt(args, 0)), copiesFirst),
    ),
    declare(
      'upperAscii',
      onText('string_upper_ascii', [], string, (args) => upperAscii(stringAt(args, 0)), copiesFirst),
    ),
    declare(
      'trim',
      onText('string_trim', [], string, (args) => trimSpace(stringAt(args, 0)), copiesFirst),
    ),
    declare(
      'replace',
      onText(
        'string_replace_string_string',
        [string, string],
        string,
        (args) => replace(stringAt(args, 0), stringAt(args, 1), stringAt(args, 2), -1n),
        replaced,
      ),
      onText(
        'string_replace_string_string_int',
        [string, string, int],
        string,
        (args) => replace(stringAt(args, 0), stringAt(args, 1), stringAt(args, 2), intAt(args, 3)),
        replaced,
      ),
    ),
    declare(
      'split',
      onText(
        'string_split_string',
        [string],
        listOf(string),
        (args) => listValue(split(stringAt(args, 0), stringAt(args, 1), -1n)),
        splitCosts,
      ),
      onText(
        'string_split_string_int',
        [string, int],
        listOf(string),
        (args) => listValue(split(stringAt(args, 0), stringAt(args, 1), intAt(args, 2))),
        splitCosts,
      ),
    ),
    declare(
      'substring',
      onText(
        'string_substring_int',
        [int],
        string,
        (args) => substringFrom(stringAt(args, 0), intAt(args, 1)),
        copiesFirst,
      ),
      onText(
        'string_substring_int_int',
        [int, int],
        string,
        (args) => substring(stringAt(args, 0), intAt(args, 1), intAt(args, 2)),
        copiesFirst,
      ),
    ),
    declare(
      'join',
      method('list_join', [listOf(string)], string, (args) => joinTexts(listAt(args, 0), ''), joinCosts),
      method(
        'list_join_string',
        [listOf(string), string],
        string,
        (args) => joinTexts(listAt(args, 0), stringAt(args, 1)),
        joinCosts,
      ),
    ),
    declare(
      'format',
      method(
        'string_format',
        [string, listOf(dyn)],
        string,
        (args) => formatString(stringAt(args, 0), listAt(args, 1)),
        formatCosts,
      ),
    ),
    declare(
      'strings.quote',
      fn('strings_quote', [string], string, (args) => quote(stringAt(args, 0)), {
        ...formatCosts,
        estimate: estimateQuote,
      }),
    ),
  ],
}
