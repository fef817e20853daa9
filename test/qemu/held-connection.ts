/** A TCP connection that stays open while the rules under it change, by two socat processes: one echoes lines, one sends them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline/promises'
import { systemClock } from '../../component-base/clock.ts'

/** Programs start slowly in an emulated machine, and it may be paused by what else runs on the host. */
const limitMs = 60_000
const retryMs = 200

export type HeldOptions = {
  /** Network namespaces. */
  readonly from: string
  readonly to: string
  /** Where the server listens. */
  readonly port: number
  /** What the client connects to. */
  readonly address: string
}

/** An open connection; `close` it. */
export class HeldConnection {
  readonly #server: ChildProcess
  readonly #client: ChildProcess
  readonly #lines: AsyncIterator<string>
  #sent = 0

  private constructor(server: ChildProcess, client: ChildProcess, lines: AsyncIterator<string>) {
    this.#server = server
    this.#client = client
    this.#lines = lines
  }

  /** Resolves when the first line has come back. */
  static async open({ from, to, port, address }: HeldOptions): Promise<HeldConnection> {
    const inside = (namespace: string, ...args: readonly string[]) =>
      spawn('ip', ['netns', 'exec', namespace, 'socat', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const server = inside(to, `TCP-LISTEN:${port},reuseaddr`, 'PIPE')
    const client = inside(from, '-', `TCP:${address},retry=${limitMs / retryMs},interval=${retryMs / 1_000}`)
    const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]()
    const held = new HeldConnection(server, client, lines)
    const complaint = await held.complaint()
    if (complaint === undefined) return held
    held.close()
    throw new Error(complaint)
  }

  /** Sends a line and waits until it has come back; what is wrong if it does not. */
  async complaint(): Promise<string | undefined> {
    this.#sent += 1
    const line = `line ${this.#sent}`
    this.#client.stdin?.write(`${line}\n`)
    const stop = new AbortController()
    const late = systemClock.sleep(limitMs, stop.signal).then(
      () => 'no answer',
      () => 'stopped',
    )
    const answer = this.#lines.next().then(({ value }) => (value === line ? undefined : `${String(value)} for ${line}`))
    const result = await Promise.race([answer, late])
    stop.abort()
    return result
  }

  close(): void {
    this.#client.kill('SIGKILL')
    this.#server.kill('SIGKILL')
  }
}
