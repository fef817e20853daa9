/**
 * How a new pod waits for its policies. The CNI plugin, which has just given a pod its addresses and starts nothing
 * until its ADD ends, tells them here; the answer comes when the pod's rules are in the kernel. One line of JSON each
 * way, on a unix socket for root only:
 *
 *   {"namespace":"x","name":"web-0","uid":"…","ips":["10.244.1.7"]}  ─▶
 *                                                                    ◀─  {"result":"enforced"}
 *
 * `{"result":"unenforced","reason":"…"}`: this node enforces no policies, go on. `{"error":"…"}`: it should and cannot
 * yet; whoever starts the pod anyway leaves it uncovered.
 */
import { chmod, mkdir, readFile, unlink } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { isJsonObject } from '../../apimachinery/json.ts'
import type { Logger } from '../../component-base/logger.ts'
import { replaceFile } from '../../component-base/replace-file.ts'
import type { Claim } from './claims.ts'

export type Answer =
  /** `isolate`: rules do not see what bridges pass, so the pod must not reach its neighbours over one. */
  | { readonly result: 'enforced'; readonly isolate?: true }
  | { readonly result: 'unenforced'; readonly reason: string }
  | { readonly error: string }

/** A request is a name and a few addresses. */
const maxRequestBytes = 65_536
/** A node starts pods by the hundred at most. */
const maxConnections = 512

/** Serves on the socket until `signal` aborts, then removes it. */
export async function serveHandshake(
  path: string,
  answer: (claim: Claim, signal: AbortSignal) => Promise<Answer>,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  // Left by a process that was killed; nobody listens on it.
  await unlink(path).catch(() => undefined)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const reply = async (line: string) => {
      const text = await answerLine(line, answer, logger, signal)
      if (!socket.destroyed) socket.end(`${JSON.stringify(text)}\n`)
    }
    // `reply` never rejects: what goes wrong is its answer.
    readLine(socket, (line) => void reply(line))
  })
  server.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  await chmod(path, 0o600)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  server.close()
  await unlink(path).catch(() => undefined)
  signal.throwIfAborted()
}

function readLine(socket: Socket, take: (line: string) => void): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  const onData = (chunk: string) => {
    text += chunk
    const end = text.indexOf('\n')
    if (end < 0 && text.length <= maxRequestBytes) return
    socket.off('data', onData)
    if (end < 0) socket.destroy()
    else take(text.slice(0, end))
  }
  socket.on('data', onData)
}

async function answerLine(
  line: string,
  answer: (claim: Claim, signal: AbortSignal) => Promise<Answer>,
  logger: Logger,
  signal: AbortSignal,
): Promise<Answer> {
  const claim = parseClaim(line)
  if (claim === undefined) return { error: 'request is not understood' }
  try {
    return await answer(claim, signal)
  } catch (error) {
    logger.error('Network policies of a new pod not enforced', { pod: `${claim.namespace}/${claim.name}`, error })
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Reads a request; `undefined` when it is none. */
export function parseClaim(line: string): Claim | undefined {
  try {
    return claimOf(JSON.parse(line))
  } catch {
    return undefined
  }
}

function claimOf(value: unknown): Claim | undefined {
  if (!isJsonObject(value)) return undefined
  const { namespace, name, uid, ips } = value
  if (typeof namespace !== 'string' || typeof name !== 'string' || !Array.isArray(ips)) return undefined
  return {
    ...{ namespace, name },
    uid: typeof uid === 'string' ? uid : '',
    ips: ips.filter((ip): ip is string => typeof ip === 'string'),
  }
}

/** Where claims outlive the process: a restarted one must not uncover a pod whose status says nothing yet. */
export function claimsFile(socketPath: string): string {
  return `${socketPath}.claims`
}

/** Claims of an earlier life; none when there was none. */
export async function readClaims(socketPath: string): Promise<readonly Claim[]> {
  try {
    const value: unknown = JSON.parse(await readFile(claimsFile(socketPath), 'utf8'))
    return Array.isArray(value) ? value.flatMap((each) => claimOf(each) ?? []) : []
  } catch {
    // Not there, or cut off by a crash of the machine, after which no pod is left either.
    return []
  }
}

/** Remembers claims for the next life. */
export async function writeClaims(socketPath: string, claims: readonly Claim[]): Promise<void> {
  await replaceFile(claimsFile(socketPath), JSON.stringify(claims), 0o600)
}
