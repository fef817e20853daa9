/**
 * The way of a packet through the hooks of one host, whoever has put chains there: iptables, nftables and IPVS side by side, in the order of
 * their priorities.
 *
 *   prerouting ─▶ here? ─ input ─▶ IPVS? ─▶ a socket        a socket ─▶ output ─▶ postrouting ─▶ (here: input)
 *                  └──── forward ─▶ postrouting                   IPVS ─▶ output ─▶ postrouting
 */
import type { Packet } from './trace.ts'

export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** A rule that held, and what it did. */
export type TraceStep = {
  readonly hook: HookName
  readonly table: string
  readonly chain: string
  readonly rule: string
  /** Such as `jump KUBE-SVC-X`, `DNAT 10.244.0.5:80`, `DROP`. */
  readonly verdict: string
}

/** The fate of a packet on one host. */
export type Trace = {
  readonly verdict: 'ACCEPT' | 'DROP' | 'REJECT'
  readonly destinationIp: string
  readonly destinationPort: number
  readonly isMasqueraded: boolean
  /** Chains entered, in order, as `nat/KUBE-SERVICES`. */
  readonly path: readonly string[]
  readonly steps: readonly TraceStep[]
}

/** What a packet carries while it is followed. */
export type Flow = {
  readonly packet: Packet
  destinationIp: string
  destinationPort: number
  isTranslated: boolean
  isMasqueraded: boolean
  mark: number
  hook: HookName
  outInterface: string | undefined
  /** The virtual server that took the packet. */
  virtual: { readonly ip: string; readonly port: number } | undefined
  readonly path: string[]
  readonly steps: TraceStep[]
}

/** `SENT`: IPVS has sent it to a real server. `undefined`: the chain has ended. */
export type ChainVerdict = 'ACCEPT' | 'DROP' | 'REJECT' | 'SENT' | undefined

/** A chain that the kernel calls. */
export type BaseChain = {
  readonly hook: HookName
  readonly priority: number
  /** The kernel asks these once for each connection and direction, and no further ones once one has translated. */
  readonly isNat: boolean
  readonly walk: (flow: Flow) => ChainVerdict
}

export type PathOptions = {
  readonly localAddresses: readonly string[]
  /** Where a packet would leave, for rules that look at the interface. */
  readonly routeTo?: ((ip: string) => string | undefined) | undefined
}

/** Whether the host takes packets to the address for itself. */
export function isLocalAddress(ip: string, localAddresses: readonly string[]): boolean {
  return localAddresses.includes(ip) || ip.startsWith('127.') || ip === '::1'
}

/** Follows the packet to its end; `chains` in any order. */
export function followPath(packet: Packet, chains: readonly BaseChain[], options: PathOptions): Trace {
  const flow: Flow = {
    packet,
    destinationIp: packet.destinationIp,
    destinationPort: packet.destinationPort,
    ...{ isTranslated: false, isMasqueraded: false, mark: 0, hook: 'prerouting' },
    ...{ outInterface: undefined, virtual: undefined, path: [], steps: [] },
  }
  const verdict = passAll(flow, chains, options)
  const { destinationIp, destinationPort, isMasqueraded, path, steps } = flow
  return { verdict, destinationIp, destinationPort, isMasqueraded, path, steps }
}

type Final = 'ACCEPT' | 'DROP' | 'REJECT'

function passAll(flow: Flow, chains: readonly BaseChain[], options: PathOptions): Final {
  const isLocal = (ip: string) => isLocalAddress(ip, options.localAddresses)
  const pass = (hook: HookName, isSecondTime = false): Final | 'SENT' => {
    flow.hook = hook
    if (hook !== 'prerouting' && hook !== 'input') flow.outInterface ??= options.routeTo?.(flow.destinationIp)
    return passHook(chains, flow, isSecondTime)
  }
  const leave = (): Final => {
    flow.outInterface = options.routeTo?.(flow.destinationIp)
    const verdict = pass('postrouting')
    return verdict === 'SENT' ? 'ACCEPT' : verdict
  }
  const afterBalancing = (): Final => {
    if (isLocal(flow.destinationIp)) return 'ACCEPT'
    flow.outInterface = undefined
    const verdict = pass('output', true)
    return verdict === 'ACCEPT' || verdict === 'SENT' ? leave() : verdict
  }
  const input = (): Final => {
    const verdict = pass('input')
    return verdict === 'SENT' ? afterBalancing() : verdict
  }
  const { sourceIp, inInterface } = flow.packet
  const isFromHere = isLocal(sourceIp) && inInterface === undefined
  const first = pass(isFromHere ? 'output' : 'prerouting')
  if (first === 'SENT') return afterBalancing()
  if (first !== 'ACCEPT') return first
  if (isFromHere) {
    const left = leave()
    return left === 'ACCEPT' && isLocal(flow.destinationIp) ? input() : left
  }
  if (isLocal(flow.destinationIp)) return input()
  const second = pass('forward')
  return second === 'ACCEPT' ? leave() : second === 'SENT' ? 'ACCEPT' : second
}

const sortedChains = new WeakMap<readonly BaseChain[], ReadonlyMap<HookName, readonly BaseChain[]>>()

function chainsAt(hook: HookName, chains: readonly BaseChain[]): readonly BaseChain[] {
  const known = sortedChains.get(chains)
  if (known !== undefined) return known.get(hook) ?? []
  const byHook = new Map<HookName, BaseChain[]>()
  for (const chain of chains) byHook.set(chain.hook, [...(byHook.get(chain.hook) ?? []), chain])
  for (const of of byHook.values()) of.sort((a, b) => a.priority - b.priority)
  sortedChains.set(chains, byHook)
  return byHook.get(hook) ?? []
}

/** All chains of a hook: each may end the packet, none may save it from the next. */
function passHook(chains: readonly BaseChain[], flow: Flow, isSecondTime: boolean): Final | 'SENT' {
  for (const { isNat, walk } of chainsAt(flow.hook, chains)) {
    if (isNat && (isSecondTime || (flow.hook === 'postrouting' ? flow.isMasqueraded : flow.isTranslated))) continue
    const verdict = walk(flow)
    if (verdict === 'SENT' || verdict === 'DROP' || verdict === 'REJECT') return verdict
  }
  return 'ACCEPT'
}
