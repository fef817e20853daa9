/**
 * The plugins as a server, so that a call costs milliseconds instead of the start of
 * a process. A wrapper (see install.ts) sends seven lines and the configuration; the
 * reply is the exit code as one digit, then what goes to stdout.
 *
 *   plugin ⏎ CNI_COMMAND ⏎ CNI_CONTAINERID ⏎ CNI_NETNS ⏎ CNI_IFNAME ⏎ CNI_ARGS ⏎ CNI_PATH ⏎ configuration …
 */
import { chmod, unlink } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { answer } from './plugins.ts'

/** A configuration is a few kilobytes. */
const maxRequestBytes = 4 << 20

const variables = ['CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_ARGS', 'CNI_PATH'] as const

/** Serves calls on a unix socket, for root only, until `signal` aborts. */
export async function serve(socketPath: string, signal: AbortSignal): Promise<void> {
  // Left by a server that was killed; nobody listens on it.
  await unlink(socketPath).catch(() => undefined)
  // The caller closes its half after the request and waits for the reply on the other.
  const server = createServer({ allowHalfOpen: true }, (socket) => converse(socket, signal))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  await chmod(socketPath, 0o600)
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  server.close()
}

function converse(socket: Socket, signal: AbortSignal): void {
  const chunks: Buffer[] = []
  let size = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxRequestBytes) socket.destroy()
    else chunks.push(chunk)
  })
  socket.on('end', () => {
    // `reply` never rejects: a failing plugin answers with its error.
    void reply(Buffer.concat(chunks).toString('utf8'), signal).then((text) => socket.end(text))
  })
}

/** The reply to one request. */
export async function reply(request: string, signal: AbortSignal): Promise<string> {
  const { plugin, environment, stdin } = parseCall(request)
  const { output, exitCode } = await answer(plugin, environment, stdin, signal)
  return `${exitCode}${output === undefined ? '' : `${JSON.stringify(output)}\n`}`
}

/** Splits a request into what a process would find in its environment and on its stdin. */
export function parseCall(request: string): {
  readonly plugin: string
  readonly environment: Readonly<Record<string, string>>
  readonly stdin: string
} {
  const [plugin = '', ...rest] = request.split('\n')
  const values = variables.map((name, index) => [name, rest[index] ?? ''])
  return { plugin, environment: Object.fromEntries(values), stdin: rest.slice(variables.length).join('\n') }
}
