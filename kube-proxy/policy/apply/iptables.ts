/**
 * Policies into iptables and ipset. Entries come before the rules that ask for them and go after the rules that asked:
 * while a change is under way a packet is judged by the old rules or by the new ones, never by none.
 */
import { ExecError } from '../../../component-base/exec.ts'
import { diffIpsets, type Ipset, type Ipsets } from '../../../netfilter/ipset.ts'
import { createIpset, type IpsetCommand } from '../../../netfilter/ipset-command.ts'
import { createIptables, type Family, type Iptables } from '../../../netfilter/iptables.ts'
import { missingJumps, parseSave, renderRemoval, renderRestore } from '../../../netfilter/iptables-restore.ts'
import { type Blocks, type Chains, diffBlocks, rewriteAll } from '../../../netfilter/ruleset.ts'
import type { SyncResult } from '../../mode.ts'
import { createIptablesRenderer, type IptablesPolicy, ipsetName, ownPrefix } from '../render/iptables.ts'
import { type ApplierOptions, obstacleOf, type PolicyApplier } from './applier.ts'

type Tools = { readonly iptables: Iptables; readonly ipset: IpsetCommand }

/** Applies to iptables; `hasIpvs`: OUTPUT is judged too. */
export function createIptablesApplier({
  family,
  namespace,
  hasIpvs,
}: ApplierOptions & { readonly hasIpvs: boolean }): PolicyApplier {
  const where = namespace === undefined ? {} : { namespace }
  const tools: Tools = { iptables: createIptables(family, where), ipset: createIpset(where) }
  const render = createIptablesRenderer(family, { hasIpvs })
  let applied: IptablesPolicy | undefined
  return {
    family,
    obstacle: async (signal) =>
      (await obstacleOf(async () => await tools.ipset.save(signal), signal)) ??
      (await obstacleOf(async () => await tools.iptables.save('mangle', signal), signal)),
    apply: async (plan, signal) => {
      const [before, wanted] = [applied, render(plan)]
      if (before === wanted) return { type: 'none', lines: 0 }
      // After a failure the state of the kernel is in doubt, so the next attempt looks at it.
      applied = undefined
      const result =
        before === undefined ? await writeAll(tools, wanted, signal) : await write(tools, before, wanted, signal)
      applied = wanted
      return result
    },
    isDisturbed: async (signal) => applied !== undefined && !(await isInPlace(tools, applied, signal)),
    forget: () => {
      applied = undefined
    },
    cleanUp: async (signal) => {
      applied = undefined
      try {
        await removeAll(tools, signal)
      } catch (error) {
        // Without the tools nothing can have been written.
        if (!(error instanceof ExecError) || signal.aborted) throw error
      }
    },
  }
}

async function write(
  { iptables, ipset }: Tools,
  before: IptablesPolicy,
  wanted: IptablesPolicy,
  signal: AbortSignal,
): Promise<SyncResult> {
  if (before.jumps.size > 0 && wanted.jumps.size === 0) {
    await removeAll({ iptables, ipset }, signal)
    return { type: 'partial', lines: before.sets.size }
  }
  const sets = diffIpsets(before.sets, wanted.sets)
  const rules = renderRestore(diffBlocks(before.blocks, wanted.blocks))
  await ipset.restore(sets.additions, signal)
  if (rules !== '') await iptables.restore(rules, signal)
  if (before.jumps.size === 0) await addJumps(iptables, wanted, new Map(), signal)
  await ipset.restore(sets.removals, signal)
  const lines = countLines(sets.additions) + countLines(rules) + countLines(sets.removals)
  return { type: lines === 0 ? 'none' : 'partial', lines }
}

/** From whatever an earlier life, or somebody else, has left. */
async function writeAll(tools: Tools, wanted: IptablesPolicy, signal: AbortSignal): Promise<SyncResult> {
  const { iptables, ipset } = tools
  if (wanted.jumps.size === 0) {
    await removeAll(tools, signal)
    return { type: 'full', lines: 0 }
  }
  const present = await ownChains(iptables, signal)
  const stale = [...present.keys()].filter((chain) => isOwnChain(chain) && !hasChain(wanted.blocks, chain))
  const sets = diffIpsets(await ownSets(ipset, iptables.family, signal), wanted.sets)
  await ipset.restore(sets.additions, signal)
  const rules = renderRestore(rewriteAll(wanted.blocks, new Map([['mangle', stale]])))
  await iptables.restore(rules, signal)
  await addJumps(iptables, wanted, present, signal)
  await ipset.restore(sets.removals, signal)
  return { type: 'full', lines: countLines(sets.additions) + countLines(rules) + countLines(sets.removals) }
}

/** First of all rules; jumps of an earlier life that are not wanted (another mode had them) go. */
async function addJumps(
  iptables: Iptables,
  { jumps }: IptablesPolicy,
  present: Chains,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set(
    [...(jumps.get('mangle') ?? [])].flatMap(([chain, rules]) => rules.map((rule) => `${chain} ${rule}`)),
  )
  const unwanted = [...present].flatMap(([chain, rules]) =>
    isOwnChain(chain)
      ? []
      : rules.filter((rule) => isOwnJump(rule) && !wanted.has(`${chain} ${rule}`)).map((rule) => `-D ${chain} ${rule}`),
  )
  if (unwanted.length > 0) await iptables.restore(`*mangle\n${unwanted.join('\n')}\nCOMMIT\n`, signal)
  const missing = renderRestore(new Map(), missingJumps(jumps, new Map([['mangle', present]])))
  if (missing !== '') await iptables.restore(missing, signal)
}

async function removeAll({ iptables, ipset }: Tools, signal: AbortSignal): Promise<void> {
  const present = await ownChains(iptables, signal)
  for (const script of renderRemoval(new Map([['mangle', present]]), (_, chain) => isOwnChain(chain))) {
    await iptables.restore(script, signal)
  }
  await ipset.restore(diffIpsets(await ownSets(ipset, iptables.family, signal), new Map()).removals, signal)
}

async function isInPlace({ iptables, ipset }: Tools, wanted: IptablesPolicy, signal: AbortSignal): Promise<boolean> {
  const present = await ownChains(iptables, signal)
  const sets = await ownSets(ipset, iptables.family, signal)
  return (
    missingJumps(wanted.jumps, new Map([['mangle', present]])).size === 0 &&
    [...wanted.blocks.values()].every(({ mangle }) =>
      [...(mangle ?? [])].every(([chain, rules]) => present.get(chain)?.length === rules.length),
    ) &&
    sets.size === wanted.sets.size &&
    [...wanted.sets.values()].every((set) => isSameSet(sets.get(set.name), set))
  )
}

function isSameSet(present: Ipset | undefined, wanted: Ipset): boolean {
  if (present?.entries.size !== wanted.entries.size) return false
  for (const entry of wanted.entries) if (!present.entries.has(entry)) return false
  return true
}

async function ownChains(iptables: Iptables, signal: AbortSignal): Promise<Chains> {
  return parseSave(await iptables.save('mangle', signal)).get('mangle') ?? new Map()
}

async function ownSets(ipset: IpsetCommand, family: Family, signal: AbortSignal): Promise<Ipsets> {
  const prefix = ipsetName(`${ownPrefix}-`, family)
  return new Map([...(await ipset.save(signal))].filter(([name]) => name.startsWith(prefix)))
}

function hasChain(blocks: Blocks, chain: string): boolean {
  return [...blocks.values()].some(({ mangle }) => mangle?.has(chain) === true)
}

function isOwnChain(chain: string): boolean {
  return chain.startsWith(ownPrefix)
}

function isOwnJump(rule: string): boolean {
  return / -[jg] KUBE-NWPLCY/.test(` ${rule}`)
}

function countLines(script: string): number {
  return script.split('\n').length - 1
}
