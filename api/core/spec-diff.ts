/** Shows which lines of two objects differ, for messages that refuse a change. */

/** Lines around a change that are shown with it. */
const context = 3

/** A unified diff of the two as JSON: `-` for the old value, `+` for the new one. Source: apimachinery `util/diff`. */
export function specDiff(now: unknown, before: unknown): string {
  const rows = diffLines(lines(before), lines(now))
  return hunks(rows)
    .map((hunk) => render(rows, hunk))
    .join('')
}

type Hunk = { readonly from: number; readonly to: number }

/** Changed rows with their context; what touches is one hunk. */
function hunks(rows: readonly string[]): readonly Hunk[] {
  const found: Hunk[] = []
  rows.forEach((row, index) => {
    if (row.startsWith(' ')) return
    const hunk = { from: Math.max(0, index - context), to: Math.min(rows.length, index + context + 1) }
    const last = found.at(-1)
    if (last !== undefined && hunk.from <= last.to) found[found.length - 1] = { from: last.from, to: hunk.to }
    else found.push(hunk)
  })
  return found
}

function render(rows: readonly string[], { from, to }: Hunk): string {
  const head = rows.slice(0, from)
  const part = rows.slice(from, to)
  const count = (list: readonly string[], sign: string) => list.filter((row) => !row.startsWith(sign)).length
  const range = (sign: string) => `${count(head, sign) + 1},${count(part, sign)}`
  return `@@ -${range('+')} +${range('-')} @@\n${part.map((row) => `${row}\n`).join('')}`
}

function lines(value: unknown): readonly string[] {
  return JSON.stringify(sorted(value), undefined, 1).split('\n')
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
      rows.push(` ${before[i]}`)
      i++
      j++
    } else if (j >= now.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) rows.push(`-${before[i++]}`)
    else rows.push(`+${now[j++]}`)
  }
  return rows
}
