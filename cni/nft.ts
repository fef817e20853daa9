/** Reads and writes nftables: rules of one chain by their comments, and scripts that apply whole or not at all. */
import { runTool, ToolError } from './exec.ts'
import { isJsonMap, records } from './protocol.ts'

/** A rule that carries a comment. */
export type CommentedRule = { readonly handle: number; readonly comment: string }

/** Applies a script in one transaction. */
export async function nftApply(script: string, signal: AbortSignal): Promise<void> {
  await runTool('nft', ['-f', '-'], { input: script }, signal)
}

/** The commented rules of `family table chain`; none where the chain, or nft itself, is not there. */
export async function listRules(chain: string, signal: AbortSignal): Promise<readonly CommentedRule[]> {
  let text: string
  try {
    text = await runTool('nft', ['--json', '--handle', 'list', 'chain', ...chain.split(' ')], {}, signal)
  } catch (error) {
    if (error instanceof ToolError && (error.isMissing || /No such file or directory/.test(error.stderr))) return []
    throw error
  }
  const listing: unknown = JSON.parse(text)
  const items = isJsonMap(listing) ? records(listing['nftables']) : []
  return items.flatMap(({ rule }) => {
    if (!isJsonMap(rule) || typeof rule['comment'] !== 'string') return []
    return [{ handle: Number(rule['handle']), comment: rule['comment'] }]
  })
}

/** Lines that delete rules of a chain. */
export function deleteRules(chain: string, rules: readonly CommentedRule[]): string {
  return rules.map(({ handle }) => `delete rule ${chain} handle ${handle}`).join('\n')
}
