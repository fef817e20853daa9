/**
 * What a plugin is: a function around the next handler. A request goes down the chain until someone answers; the reply
 * comes back up, and each may change it.
 */

import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Task } from '../../component-base/run.ts'
import type { ClusterView, ViewOptions } from '../cluster/view.ts'
import { type Edns, headerBits, type Question, rcodes } from '../codec/message.ts'
import type { ResourceRecord } from '../codec/record.ts'
import type { Directive } from '../corefile/parse.ts'
import type { DnsMetrics } from '../metrics.ts'

/** How a query came in. */
export type Transport = 'udp' | 'tcp'

/** Who asks. */
export type Peer = { readonly address: string; readonly port: number }

/** A question on its way down the chain. */
export type Request = {
  readonly id: number
  /** Second word of the header. */
  readonly flags: number
  readonly question: Question
  /** The question's name in lower case. */
  readonly name: string
  readonly edns: Edns | undefined
  readonly transport: Transport
  readonly client: Peer
  readonly size: number
  /** How many aliases led here. */
  readonly depth: number
  readonly signal: AbortSignal
}

/** What goes back. */
export type Reply = {
  readonly rcode: number
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  readonly isAuthoritative: boolean
  readonly isRecursionAvailable: boolean
  readonly isAuthenticated: boolean
  readonly isTruncated: boolean
  /** The same for every client until the cluster or the configuration changes. */
  readonly isSettled: boolean
  /** Never remembered: made here for want of an answer. */
  readonly isFleeting: boolean
  /** Addresses may stand in any order. */
  readonly isShuffled: boolean
  /** Largest answer over UDP, below what the client allows. */
  readonly payloadLimit?: number
  /** An extended error (RFC 8914). */
  readonly extendedError?: { readonly code: number; readonly text: string }
  /** The name server's identifier, where it was asked for (RFC 5001). */
  readonly serverId?: string
  /** The plugin that made it. */
  readonly by?: string
  /** Why it failed, for the `errors` plugin. */
  readonly error?: string
}

/** `undefined`: nothing is sent. */
export type Outcome = Reply | undefined
/** Answers, at once where it can. */
export type Handler = (request: Request) => Outcome | Promise<Outcome>

/** The words of a directive, set up for one server block. */
export type Plugin = {
  readonly wrap?: (next: Handler) => Handler
  /** Runs for as long as the configuration is in force. */
  readonly task?: Task
  /** Reasons not to be ready (`ready` shows them); none when ready. */
  readonly isReady?: () => boolean
  /** The search path of a client, for `autopath @name`. */
  readonly searchPath?: (client: Peer) => readonly string[] | undefined
  /** All records of a zone, for `transfer`. */
  readonly transferZone?: (zone: string) => readonly ResourceRecord[] | undefined
  /** What the block asks of the process around it. */
  readonly demand?: Demand
}

/** A directive that is no handler. */
export type Demand =
  | { readonly type: 'bind'; readonly addresses: readonly string[] }
  | { readonly type: 'health'; readonly address: string | undefined; readonly lameDuckMs: number }
  | { readonly type: 'ready'; readonly address: string | undefined }
  | { readonly type: 'metrics'; readonly address: string | undefined }
  | { readonly type: 'chaosClass' }

/** What a plugin may use. */
export type Context = {
  /** The zones of the server block. */
  readonly zones: readonly string[]
  readonly server: string
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: DnsMetrics
  readonly cluster: {
    readonly view: (options: ViewOptions) => ClusterView
    readonly isSynced: () => boolean
    readonly watchPods: () => void
    readonly changedMs: () => number
  }
  /** Addresses that this server is reached at; the first are those of its Service. */
  readonly serviceAddresses: readonly string[]
  readonly ownAddresses: readonly string[]
  /** Text of a file; throws as `readFileSync` does. */
  readonly readText: (path: string) => string
  /** Asks the whole server, as a client would. */
  readonly lookup: (request: Request, name: string, type: number) => Promise<Outcome>
  /** The other plugins of the block, once all are set up. */
  readonly plugin: (name: string) => Plugin | undefined
}

/** Reads all lines of one directive in one server block. Throws `CorefileError`. */
export type Setup = (lines: readonly Directive[], context: Context) => Plugin

const emptyReply: Reply = {
  rcode: rcodes.noError,
  answers: [],
  authorities: [],
  additionals: [],
  isAuthoritative: false,
  isRecursionAvailable: false,
  isAuthenticated: false,
  isTruncated: false,
  isSettled: false,
  isFleeting: false,
  isShuffled: false,
}

/** A reply of these parts. */
export function replyOf(parts: Partial<Reply>): Reply {
  return { ...emptyReply, ...parts }
}

/** A reply without records, for want of a better one. */
export function failure(rcode: number, error?: string): Reply {
  return replyOf({ rcode, isFleeting: true, ...(error === undefined ? {} : { error }) })
}

/** Changes what comes back, now or later. */
export function mapReply(
  outcome: Outcome | Promise<Outcome>,
  change: (reply: Reply) => Outcome,
): Outcome | Promise<Outcome> {
  if (outcome instanceof Promise) return outcome.then((reply) => (reply === undefined ? undefined : change(reply)))
  return outcome === undefined ? undefined : change(outcome)
}

/** Whether the client wants the answer's signatures, or unchecked data: two flags that answers depend on. */
export function wishesOf({ edns, flags }: Request): number {
  return (edns?.isDnssecWanted === true ? 1 : 0) | ((flags & headerBits.checkingDisabled) !== 0 ? 2 : 0)
}
