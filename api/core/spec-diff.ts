/** Shows which lines of two objects differ, for messages that refuse a change. Source: apimachinery `util/diff`, go-difflib. */
import type { Json } from '../../apimachinery/json.ts'

/** Lines around a change that are shown with it. */
const context = 3
/** From this many lines on, those that come up in more than one of a hundred are not what a match starts with. */
const popularFrom = 200
/** So many lines are looked at to find what is equal; the rest is shown as changed. Nobody may keep the server busy by two large specs. */
const mostLooks = 200_000

/** Equal lines: `size` of them, at `a` in the old text and at `b` in the new one. */
type Match = { readonly a: number; readonly b: number; readonly size: number }
type Range = { readonly a: number; readonly aEnd: number; readonly b: number; readonly bEnd: number }

/** A unified diff of the two as JSON: `-` for the old value, `+` for the new one. */
export function specDiff(now: Json, before: Json): string {
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
  const range = (sign: string) => rangeText(count(head, sign), count(part, sign))
  return `@@ -${range('+')} +${range('-')} @@\n${part.map((row) => `${row}\n`).join('')}`
}

/** The first line and how many; one line stands alone, and none stand behind the line before. */
function rangeText(before: number, size: number): string {
  if (size === 1) return String(before + 1)
  return `${size === 0 ? before : before + 1},${size}`
}

/** The lines of both texts: what is equal once, what differs first as it was. */
function diffLines(old: readonly string[], next: readonly string[]): readonly string[] {
  const rows: string[] = []
  let at: Match = { a: 0, b: 0, size: 0 }
  for (const match of matches(old, next)) {
    rows.push(...old.slice(at.a + at.size, match.a).map((line) => `-${line}`))
    rows.push(...next.slice(at.b + at.size, match.b).map((line) => `+${line}`))
    rows.push(...old.slice(match.a, match.a + match.size).map((line) => ` ${line}`))
    at = match
  }
  return rows
}

function lines(value: Json): readonly string[] {
  const text = JSON.stringify(value, undefined, 1)
  return text.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026').split('\n')
}

/** Longest match first, then what is before and behind it (Ratcliff and Obershelp); an empty match ends the list. */
function matches(old: readonly string[], next: readonly string[]): readonly Match[] {
  const places = placesOf(next)
  const found: Match[] = []
  const todo: Range[] = [{ a: 0, aEnd: old.length, b: 0, bEnd: next.length }]
  let looks = 0
  for (let range = todo.pop(); range !== undefined && looks < mostLooks; range = todo.pop()) {
    looks += range.aEnd - range.a
    const match = longest(old, next, places, range)
    if (match.size === 0) continue
    found.push(match)
    todo.push({ ...range, aEnd: match.a, bEnd: match.b })
    todo.push({ ...range, a: match.a + match.size, b: match.b + match.size })
  }
  found.sort((one, other) => one.a - other.a)
  return [...found, { a: old.length, b: next.length, size: 0 }]
}

/** Where each line stands, without the popular ones. */
function placesOf(text: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>()
  text.forEach((line, index) => {
    const list = places.get(line)
    if (list === undefined) places.set(line, [index])
    else list.push(index)
  })
  if (text.length < popularFrom) return places
  const most = Math.floor(text.length / 100) + 1
  return new Map([...places].filter(([, list]) => list.length <= most))
}

/** The longest match in the range, the earliest of equal ones; popular lines beside it belong to it. */
function longest(
  old: readonly string[],
  next: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  { a: from, aEnd, b: bFrom, bEnd }: Range,
): Match {
  let best: Match = { a: from, b: bFrom, size: 0 }
  let lengths = new Map<number, number>()
  for (let a = from; a < aEnd; a++) {
    const now = new Map<number, number>()
    for (const b of places.get(old[a] ?? '') ?? []) {
      if (b < bFrom || b >= bEnd) continue
      const size = (lengths.get(b - 1) ?? 0) + 1
      now.set(b, size)
      if (size > best.size) best = { a: a - size + 1, b: b - size + 1, size }
    }
    lengths = now
  }
  let { a, b, size } = best
  while (a > from && b > bFrom && old[a - 1] === next[b - 1]) {
    a--
    b--
    size++
  }
  while (a + size < aEnd && b + size < bEnd && old[a + size] === next[b + size]) size++
  return { a, b, size }
}
