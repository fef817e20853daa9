/** Shows which lines of two objects differ, for messages that refuse a change. */

/** Lines of the old value with `-` and of the new one with `+`, with one line of context. */
export function specDiff(now: unknown, before: unknown): string {
  const rows = diffLines(lines(before), lines(now))
  const near = (index: number) => rows.slice(Math.max(0, index - 1), index + 2).some((row) => !row.startsWith(' '))
  return `${rows.filter((_, index) => near(index)).join('\n')}\n`
}

function lines(value: unknown): readonly string[] {
  return JSON.stringify(sorted(value), undefined, 2).split('\n')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}

/** Longest common subsequence; specs have some hundred lines at most, after equal ends are cut off. */
function diffLines(before: readonly string[], now: readonly string[]): readonly string[] {
  const table = Array.from({ length: before.length + 1 }, () => new Uint16Array(now.length + 1))
  const at = (i: number, j: number) => table[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const row = table[i]
      if (row !== undefined) row[j] = before[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const rows: string[] = []
  let i = 0
  let j = 0
  while (i < before.length || j < now.length) {
    if (i < before.length && before[i] === now[j]) {
      rows.push(`  ${before[i]}`)
      i++
      j++
    } else if (j >= now.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) rows.push(`- ${before[i++]}`)
    else rows.push(`+ ${now[j++]}`)
  }
  return rows
}
