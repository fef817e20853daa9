/** Reads and writes the nat table: one listing, one atomic restore. */
import { createHash } from 'node:crypto'
import { runTool, ToolError } from './exec.ts'

/** Which of the two programs of iptables a rule is for. */
export type Family = 'ip' | 'ip6'

const program = { ip: 'iptables', ip6: 'ip6tables' } as const

/** The nat table as `-N` and `-A` lines; empty where the kernel has none for this family. */
export async function listNat(family: Family, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const text = await runTool(program[family], ['-w', '5', '-t', 'nat', '-S'], {}, signal)
    return text.split('\n').filter((line) => line !== '')
  } catch (error) {
    if (family === 'ip6' && error instanceof ToolError && error.stderr.includes('does not exist')) return []
    throw error
  }
}

/** Applies lines to the nat table, all or none of them. */
export async function restoreNat(family: Family, lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0) return
  const input = `*nat\n${lines.join('\n')}\nCOMMIT\n`
  await runTool(`${program[family]}-restore`, ['-w', '5', '--noflush'], { input }, signal)
}

/** The family of an address or subnet. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 'ip6' : 'ip'
}

/** `CNI-` + prefix + hash of network and container, as long as a chain name may be (upstream's scheme). */
export function chainName(prefix: string, network: string, containerId: string): string {
  const hash = createHash('sha512').update(`${network}${containerId}`).digest('hex')
  return `CNI-${prefix}${hash}`.slice(0, 28)
}

/**
 * Lines that remove `chains` and every rule that jumps to one of them, given a
 * listing of the table. Chains that are not there are left out.
 */
export function planRemoval(listing: readonly string[], chains: readonly string[]): readonly string[] {
  const present = chains.filter((chain) => listing.includes(`-N ${chain}`))
  const jumps = listing.filter((line) => {
    const target = / -j (\S+)$/.exec(line)?.[1]
    return (
      line.startsWith('-A ') &&
      target !== undefined &&
      present.includes(target) &&
      !present.includes(line.split(' ')[1] ?? '')
    )
  })
  return [
    ...jumps.map((line) => line.replace(/^-A /, '-D ')),
    ...present.flatMap((chain) => [`-F ${chain}`]),
    ...present.flatMap((chain) => [`-X ${chain}`]),
  ]
}

/** Text inside a rule's comment, quoted so that iptables reads it back as one word. */
export function quoteComment(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
