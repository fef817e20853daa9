/** The sockets: UDP and TCP on one address and port. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { createServer, isIPv6, type Server, type Socket } from 'node:net'
import type { Logger } from '../component-base/logger.ts'
import { aborted, runAll } from '../component-base/run.ts'
import type { Resolver } from './resolver.ts'
import { openThreaded, type ThreadedSocket } from './udp/threads.ts'

/** Where to listen, and what to answer. */
export type ServerOptions = {
  readonly address: string
  readonly port: number
  readonly resolver: Resolver
  /** Threads that answer over UDP what is kept ready; negative: as many as suit the machine. */
  readonly threads: number
  readonly logger: Logger
  /** Told the port once both sockets listen; port 0 picks a free one. */
  readonly onListening?: (port: number) => void
}

/** Threads of a UDP socket where the flag leaves it to us: a second brought nothing where clients share the processors. */
const defaultThreads = 1
/** TCP connections at once, and how long one may be silent. */
const maxConnections = 1_000
const idleMs = 10_000
/** Queries of one connection that may wait for an answer. */
const maxPipelined = 100
/** Room for bursts; the system may grant less. */
const socketBufferBytes = 1 << 20

/** Serves until `signal` aborts. */
export async function serveDns(options: ServerOptions, signal: AbortSignal): Promise<void> {
  const tcp = createServer()
  const udp = await openUdp(options)
  try {
    await listenTcp(tcp, options.address, udp.port)
  } catch (error) {
    // Serving for no time at all closes the socket.
    await udp.serve(AbortSignal.abort())
    throw error
  }
  try {
    options.onListening?.(udp.port)
    await runAll(signal, {
      udp: udp.serve,
      tcp: async (taskSignal) => await serveTcp(tcp, options, taskSignal),
    })
  } finally {
    tcp.close()
  }
}

/** The UDP socket: with threads where that is possible. */
async function openUdp(options: ServerOptions): Promise<ThreadedSocket> {
  const threads = options.threads < 0 ? defaultThreads : options.threads
  const threaded = await openThreaded({ ...options, threads })
  if (threaded !== undefined) return threaded
  const socket = createSocket({ type: isIPv6(options.address) ? 'udp6' : 'udp4' })
  await listenUdp(socket, options)
  const serve = async (signal: AbortSignal): Promise<void> => {
    try {
      await serveUdp(socket, options, signal)
    } finally {
      socket.close()
    }
  }
  return { port: socket.address().port, serve }
}

async function listenUdp(socket: UdpSocket, { address, port }: ServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, address, () => {
      socket.off('error', reject)
      socket.setRecvBufferSize(socketBufferBytes)
      socket.setSendBufferSize(socketBufferBytes)
      resolve()
    })
  })
}

async function listenTcp(server: Server, address: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function serveUdp(socket: UdpSocket, { resolver, logger }: ServerOptions, signal: AbortSignal): Promise<void> {
  const send = (bytes: Buffer | undefined, to: RemoteInfo): void => {
    // A client that is gone is no concern of ours.
    if (bytes !== undefined) socket.send(bytes, to.port, to.address, () => {})
  }
  socket.on('message', (query, from) => {
    try {
      const result = resolver.answer(query, 'udp', from, signal)
      if (result === undefined || Buffer.isBuffer(result)) send(result, from)
      else result.then((bytes) => send(bytes, from)).catch((error: unknown) => report(error, logger, signal))
    } catch (error) {
      report(error, logger, signal)
    }
  })
  const failed = new Promise<never>((_, reject) => socket.once('error', reject))
  await Promise.race([aborted(signal), failed])
}

function report(error: unknown, logger: Logger, signal: AbortSignal): void {
  if (!signal.aborted) logger.error('Could not answer a query', { error })
}

async function serveTcp(server: Server, options: ServerOptions, signal: AbortSignal): Promise<void> {
  server.maxConnections = maxConnections
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(idleMs, () => socket.destroy())
    converse(socket, options, signal)
  })
  const failed = new Promise<never>((_, reject) => server.once('error', reject))
  await Promise.race([aborted(signal), failed])
  for (const socket of open) socket.destroy()
}

/** Reads queries with their length in front (RFC 1035, 4.2.2) and answers each as soon as it can (RFC 7766). */
function converse(socket: Socket, { resolver, logger }: ServerOptions, signal: AbortSignal): void {
  let rest: Buffer = Buffer.alloc(0)
  let waiting = 0
  const finish = (bytes: Buffer | undefined): void => {
    waiting -= 1
    if (bytes === undefined) socket.destroy()
    else if (!socket.destroyed) socket.write(framed(bytes))
  }
  const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
  const take = (query: Buffer): void => {
    waiting += 1
    const isTooMany = waiting > maxPipelined
    Promise.resolve(isTooMany ? undefined : resolver.answer(query, 'tcp', client, signal))
      .then(finish)
      .catch((error: unknown) => {
        report(error, logger, signal)
        finish(undefined)
      })
  }
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0)
      take(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
  })
}

function framed(bytes: Buffer): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(bytes.length)
  return Buffer.concat([size, bytes])
}
