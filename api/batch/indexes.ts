/** Lists of indexes as jobs write them: `0,2-5`. Source: `validateIndexesFormat` in pkg/apis/batch/validation. */

type Interval = { readonly first: number; readonly last: number }

/** How many indexes the text names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0
  let total = 0
  let previous: number | undefined
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions)
    if (typeof interval === 'string') return interval
    if (previous !== undefined && previous >= interval.first) return notIncreasing(previous, interval.first)
    total += interval.last - interval.first + 1
    previous = interval.last
  }
  return total
}

function parseInterval(text: string, completions: number): Interval | string {
  const parts = text.split('-')
  if (parts.length > 2) {
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`
  }
  const [first = '', last] = parts
  const wrong = indexError(first, completions) ?? (last === undefined ? undefined : indexError(last, completions))
  if (wrong !== undefined) return wrong
  const interval = { first: Number(first), last: Number(last ?? first) }
  return last !== undefined && interval.first >= interval.last ? notIncreasing(interval.first, interval.last) : interval
}

function indexError(text: string, completions: number): string | undefined {
  // Beyond 63 bits Go's number parser gives up; everything else that long is too large.
  if (!/^\+?\d+$/.test(text) || BigInt(text.replace('+', '')) > 2n ** 63n - 1n) {
    return `cannot convert string to integer for index: ${JSON.stringify(text)}`
  }
  return Number(text) >= completions ? `too large index: ${JSON.stringify(text)}` : undefined
}

function notIncreasing(previous: number, current: number): string {
  return `non-increasing order, previous: ${previous}, current: ${current}`
}

/** The first index that is in both lists; parts that cannot be read are passed over. */
export function firstCommonIndex(completed: string, failed: string, completions: number): number | undefined {
  const [left, right] = [intervals(completed, completions), intervals(failed, completions)]
  let l = 0
  let r = 0
  for (let a = left[l], b = right[r]; a !== undefined && b !== undefined; a = left[l], b = right[r]) {
    if (a.first <= b.last && b.first <= a.last) return Math.max(a.first, b.first)
    if (a.first <= b.first) l++
    else r++
  }
  return undefined
}

function intervals(text: string, completions: number): readonly Interval[] {
  return text
    .split(',')
    .map((part) => parseInterval(part, completions))
    .filter((one) => typeof one !== 'string')
}
