/** The kernel's mounts as this process sees them, and the few changes the kubelet makes to them. */
import { readFile } from 'node:fs/promises'
import { run } from '../../component-base/exec.ts'

/** Mount points at or below a directory, deepest first. */
export async function mountsBelow(directory: string): Promise<readonly string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8')
  return mountPoints(table)
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .toReversed()
}

/** Mount points of a `mountinfo` text in order of mounting. */
export function mountPoints(table: string): readonly string[] {
  return table
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((point) => point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
}

/** Mounts a tmpfs unless one is there already. */
export async function mountTmpfs(directory: string, options: string, signal: AbortSignal): Promise<void> {
  if ((await mountsBelow(directory)).includes(directory)) return
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { signal })
}

/** Unmounts everything at or below a directory. */
export async function unmountBelow(directory: string, signal: AbortSignal): Promise<void> {
  for (const point of await mountsBelow(directory)) await run('umount', [point], { signal })
}
