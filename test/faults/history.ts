/**
 * What is recorded of a run. Every object carries a token that no other write has, so that each state names the write that made
 * it. Moments are numbers of one counter: what ended before something else began has the smaller one.
 */

/** What is compared of an object. */
export type State = {
  /** Of the write that made this state. */
  readonly token: string
  readonly uid: string
  /** The label that selectors ask for. */
  readonly group: string
  /** Whatever else writers set. */
  readonly fields: Readonly<Record<string, string>>
}

/** One change in the store, as etcd itself reports it. `key` is `resource/name`; without a state it is a deletion. */
export type Change = { readonly revision: number; readonly key: string; readonly state: State | undefined }

export type Span = { readonly started: number; readonly ended: number }

export type Outcome = 'acknowledged' | 'refused' | 'unknown'

export type Write = Span & {
  readonly verb: 'create' | 'update' | 'patch' | 'apply' | 'delete' | 'deletecollection'
  /** For `deletecollection` the resource. */
  readonly key: string
  readonly token: string
  readonly outcome: Outcome
  readonly code: number
  /** The revision in the answer. */
  readonly revision?: number
  /** Objects that an acknowledged deletion removed. */
  readonly uids?: readonly string[]
  /** The revision that the object had to have. */
  readonly precondition?: number
  /** Patches and applies: fields that they set, besides which everything stays. */
  readonly sets?: Readonly<Record<string, string>>
}

export type Item = { readonly key: string; readonly revision: number; readonly token: string }

export type Scope = { readonly resource: string; readonly group?: string; readonly name?: string }

export type Read =
  | (Span & { readonly type: 'get'; readonly key: string; readonly found: Item | undefined })
  | (Span & {
      readonly type: 'list'
      readonly scope: Scope
      readonly revision: number
      readonly items: readonly Item[]
    })

/** What a watcher lived through, in order. It goes on from its last revision until a new state. */
export type Step =
  | { readonly type: 'state'; readonly at: number; readonly revision: number; readonly items: readonly Item[] }
  | (Item & { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly at: number })
  | { readonly type: 'bookmark'; readonly at: number; readonly revision: number }
  /** The run is over; everything up to here should have come. */
  | { readonly type: 'end'; readonly at: number; readonly revision: number }

export type WatchLog = { readonly name: string; readonly scope: Scope; readonly steps: readonly Step[] }

export type RunHistory = {
  readonly changes: readonly Change[]
  readonly writes: readonly Write[]
  readonly reads: readonly Read[]
  readonly watches: readonly WatchLog[]
}

/** A rule that was broken, and how. */
export type Violation = { readonly rule: string; readonly text: string }
