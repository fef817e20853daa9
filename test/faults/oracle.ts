/**
 * The store's own history, from etcd's JSON gateway: neither our client of etcd nor our caches have a part in it. It survives
 * that etcd is killed, and says up to where etcd may be compacted without cutting it off.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { wholeLines } from './lines.ts'
import { kinds, stateOf } from './objects.ts'
import type { Recorder } from './recorder.ts'

export type Oracle = {
  /** The last revision it has recorded. */
  readonly seen: () => number
  readonly done: Promise<void>
}

type Event = {
  readonly type?: string
  readonly kv: { readonly key: string; readonly mod_revision: string; readonly value?: string }
}
type Message = {
  readonly result?: {
    readonly canceled?: boolean
    readonly cancel_reason?: string
    readonly header: { readonly revision: string }
    readonly events?: readonly Event[]
  }
}

/** Records every change from `revision` on until `signal` aborts. Rejects when history is missing. */
export function startOracle(etcdUrl: string, revision: number, recorder: Recorder, signal: AbortSignal): Oracle {
  let seen = revision - 1
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      for await (const { result } of messages(etcdUrl, seen + 1, signal)) {
        if (result?.canceled === true) throw new Error(`etcd ended the oracle's watch: ${result.cancel_reason}`)
        for (const event of result?.events ?? []) record(event, recorder)
        const last = result?.events?.at(-1)
        if (last !== undefined) seen = Number(last.kv.mod_revision)
      }
      await delay(50, undefined, { signal }).catch(() => {})
    }
  }
  return { seen: () => seen, done: follow() }
}

/** Ends quietly when the connection breaks. */
async function* messages(etcdUrl: string, revision: number, signal: AbortSignal): AsyncGenerator<Message> {
  const body = {
    create_request: { key: base64('/registry/'), range_end: base64('/registry0'), start_revision: String(revision) },
  }
  try {
    const answer = await fetch(`${etcdUrl}/v3/watch`, { method: 'POST', body: JSON.stringify(body), signal })
    if (answer.body === null) return
    for await (const line of wholeLines(answer.body)) yield JSON.parse(line)
  } catch {
    // etcd is away, or the run is over.
  }
}

function record({ type, kv }: Event, recorder: Recorder): void {
  const path = Buffer.from(kv.key, 'base64').toString('utf8')
  const kind = kinds.find(({ prefix }) => path.startsWith(prefix))
  if (kind === undefined) return
  const name = path.slice(kind.prefix.length)
  // Other servers put their own objects into every namespace.
  if (!name.startsWith('object-')) return
  const state =
    type === 'DELETE' ? undefined : stateOf(JSON.parse(Buffer.from(kv.value ?? '', 'base64').toString('utf8')))
  recorder.change({ revision: Number(kv.mod_revision), key: `${kind.resource}/${name}`, state })
}

/** Forgets what was before `revision`; nothing happens when etcd is away. */
export async function compact(etcdUrl: string, revision: number): Promise<boolean> {
  const body = JSON.stringify({ revision: String(revision), physical: true })
  const signal = AbortSignal.timeout(5_000)
  return await fetch(`${etcdUrl}/v3/kv/compaction`, { method: 'POST', body, signal }).then(
    (answer) => answer.ok,
    () => false,
  )
}

/** The revision of the last write in etcd. */
export async function currentRevision(etcdUrl: string): Promise<number> {
  const body = JSON.stringify({ key: base64('/registry/'), limit: '1' })
  const answer = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body })
  const { header }: { header: { revision: string } } = JSON.parse(await answer.text())
  return Number(header.revision)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
