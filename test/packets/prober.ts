/** Asks and serves in network namespaces, by way of one worker thread (`prober.worker.ts`). */
import { Worker } from 'node:worker_threads'

export type PacketProtocol = 'TCP' | 'UDP' | 'SCTP'
export type Listener = {
  readonly namespace: string
  /** What it answers with, besides the address that it sees. */
  readonly name: string
  /** `::` for all. */
  readonly ip: string
  readonly port: number
  readonly protocol: PacketProtocol
}
export type Probe = {
  readonly namespace: string
  readonly ip: string
  readonly port: number
  readonly protocol: PacketProtocol
  readonly sourcePort?: number
  /** SCTP by the kernel: when it asks again. */
  readonly askAgainMs?: number
  readonly timeoutMs: number
}
export type Outcome =
  | { readonly verdict: 'delivered'; readonly by: string; readonly source: string }
  | { readonly verdict: 'refused' }
  | { readonly verdict: 'dropped' }
  /** Another error than being refused, such as EHOSTUNREACH. */
  | { readonly verdict: 'failed'; readonly error: string }

export type ProberRequest = { readonly id: number } & (
  | { readonly type: 'listen'; readonly listeners: readonly Listener[] }
  | { readonly type: 'probe'; readonly probes: readonly Probe[] }
)
export type ProberResponse = { readonly id: number; readonly result: readonly Outcome[]; readonly error?: string }

/** The thread, and the questions that it has not answered yet. */
export class Prober {
  readonly #worker: Worker
  readonly #waiting = new Map<
    number,
    { resolve: (result: readonly Outcome[]) => void; reject: (error: Error) => void }
  >()
  #lastId = 0

  /** `file` is the bundled `prober.worker.ts`. */
  constructor(file: string) {
    this.#worker = new Worker(file)
    this.#worker.on('message', ({ id, result, error }: ProberResponse) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error))
    })
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  /** Serves until `close`; a server answers a connection or datagram with `name source-address`. */
  async listen(listeners: readonly Listener[]): Promise<void> {
    await this.#ask((id) => ({ id, type: 'listen', listeners }))
  }

  /** Sends all probes at once; outcomes come in their order. */
  async probe(probes: readonly Probe[]): Promise<readonly Outcome[]> {
    return await this.#ask((id) => ({ id, type: 'probe', probes }))
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(request: (id: number) => ProberRequest): Promise<readonly Outcome[]> {
    const id = ++this.#lastId
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage(request(id))
    })
  }
}
