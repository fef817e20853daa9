/**
 * What a proxy mode is: a way to bring planned Service ports of one address family into the kernel. `iptables/`,
 * `nftables/` and `ipvs/` each have one. A mode remembers what it has written, writes only what differs, and writes
 * everything when it does not know.
 */
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Family } from '../netfilter/iptables.ts'
import type { IpvsSettings } from './ipvs/settings.ts'
import type { NodeState } from './plan/node.ts'
import type { PlannedPort } from './plan/planner.ts'

export type ModeName = 'iptables' | 'ipvs' | 'nftables'

/** All that the rules of one address family follow from. */
export type ProxyState = {
  readonly node: NodeState
  /** Sorted by key. A port for which nothing changed is the same object as in the call before. */
  readonly ports: readonly PlannedPort[]
}

/** What one `sync` has done: everything written, only what differed, or nothing. */
export type SyncResult = {
  readonly type: 'full' | 'partial' | 'none'
  readonly lines: number
  /** Rules written, by table of iptables. */
  readonly rules?: Readonly<Record<string, number>>
  /** The kernel refused a part, which is to be tried again after this long. */
  readonly retryAfterMs?: number
}

export type ProxyMode = {
  readonly name: ModeName
  readonly family: Family
  /** Why this mode cannot serve this family on this machine; `undefined` when it can. */
  readonly obstacle: (signal: AbortSignal) => Promise<string | undefined>
  /** Makes the kernel hold what `state` wants. After a failure the next call writes everything. */
  readonly sync: (state: ProxyState, signal: AbortSignal) => Promise<SyncResult>
  /** Whether somebody else has taken away what this mode wrote; then `forget` and `sync` follow. */
  readonly isDisturbed: (signal: AbortSignal) => Promise<boolean>
  /** The next `sync` writes everything. */
  readonly forget: () => void
  /** Rules in the kernel, by table of iptables. */
  readonly ruleCounts?: () => Readonly<Record<string, number>>
  /**
   * Removes what this mode, ours or upstream's, left behind, except what `next` shares with it and has already written.
   * Nothing there, or no tool to look with: nothing to do. `false`: something stays for connections that need it; ask again later.
   */
  readonly cleanUp: (next: ModeName | undefined, signal: AbortSignal) => Promise<boolean>
}

/** What configuration and kernel say, the same for both families and for as long as the process lives. */
export type ModeSettings = {
  readonly masqueradeAll: boolean
  /** The mark that asks for masquerading, such as `0x4000`. */
  readonly masqueradeMark: string
  readonly hasLocalhostNodePorts: boolean
  /** `false` when the kernel lets packets pass that are out of the TCP window. */
  readonly dropsInvalid: boolean
  /** Whether iptables sees packets that a bridge passes between two of its ports. */
  readonly seesBridged: boolean
  /** For mode ipvs; upstream's defaults when not given. */
  readonly ipvs?: IpvsSettings
}

/** What a mode is built from. */
export type ModeOptions = {
  readonly family: Family
  readonly settings: ModeSettings
  /** All addresses of the interfaces in this network namespace, both families. */
  readonly hostIps: () => readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  /** Another network namespace than this process's: for tests. */
  readonly namespace?: string
}
