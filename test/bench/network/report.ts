/** Tables of figures as text. Pure. */
import { formatNumber } from '../statistics.ts'

/** One table: the first cell of a row names it. `samples` are the single figures behind it, for `--json`. */
export type Table = {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly [string, ...(number | string)[]])[]
  readonly samples?: unknown
}

/** What one part of the bench found. `notes` are sentences, such as what could not be measured and why. */
export type Report = { readonly tables: readonly Table[]; readonly notes: readonly string[] }

/** A table with aligned columns. */
export function renderTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(cellText))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join('  ')
  return [title, ...cells.map(line), ''].join('\n')
}

function cellText(cell: number | string): string {
  return typeof cell === 'number' ? formatNumber(cell) : cell
}
