/** `npm run status`: each program, its state, memory and log. */
import { residentBytes } from './processes.ts'
import { readPrograms, runningPid } from './supervisor.ts'

type Row = { readonly name: string; readonly pid: number | undefined; readonly bytes: number; readonly log: string }

/** Returns whether every program runs. */
export async function status(write: (text: string) => void): Promise<boolean> {
  const programs = await readPrograms()
  if (programs.length === 0) {
    write('No cluster is running. Start one with: npm start\n')
    return false
  }
  const rows = await Promise.all(
    programs.map(async (program): Promise<Row> => {
      const pid = await runningPid(program)
      return { name: program.name, pid, bytes: pid === undefined ? 0 : await residentBytes(pid), log: program.log }
    }),
  )
  write(formatStatus(rows))
  return rows.every(({ pid }) => pid !== undefined)
}

/** Pure. The table as text. */
export function formatStatus(rows: readonly Row[]): string {
  const lines = rows.map(({ name, pid, bytes, log }) => {
    const state = pid === undefined ? 'stopped' : 'running'
    const memory = pid === undefined ? '-' : `${(bytes / 1024 / 1024).toFixed(0)} MB`
    return `${name.padEnd(28)} ${state.padEnd(8)} ${String(pid ?? '-').padStart(8)} ${memory.padStart(8)}  ${log}`
  })
  const head = `${'PROGRAM'.padEnd(28)} ${'STATE'.padEnd(8)} ${'PID'.padStart(8)} ${'MEMORY'.padStart(8)}  LOG`
  return `${[head, ...lines].join('\n')}\n`
}
