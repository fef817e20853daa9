/**
 * One thread that serves and asks in many network namespaces. A socket belongs for ever to the namespace that its thread was in when it was
 * made: the thread enters a namespace, makes sockets, and goes on to the next, while all of them are served by one event loop. So
 * hundreds of probes run at once without a process for each. Nothing else may run in this thread.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { closeSync, openSync } from 'node:fs'
import { connect, createServer, isIPv4, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { bindLibc, SystemError } from '../../component-base/libc.ts'
import type { Listener, Outcome, Probe, ProberRequest, ProberResponse } from './prober.ts'
import { askPackets, servePackets } from './sctp-packets.ts'
import { hasSctpSockets, listenSctp, sctpSocket } from './sctp-sockets.ts'

const setns = bindLibc<[number, number]>('int setns(int fd, int type)')
const CLONE_NEWNET = 0x4000_0000
const servers: (Server | UdpSocket)[] = []
/** Two in one namespace would not get along: the kernel's own would abort what the other has begun. */
const hasKernelSctp = hasSctpSockets()

function enter(namespace: string): void {
  const fd = openSync(`/run/netns/${namespace}`, 'r')
  try {
    if (setns(fd, CLONE_NEWNET) !== 0) throw new SystemError(`setns ${namespace}`)
  } finally {
    closeSync(fd)
  }
}

const plain = (ip: string): string => ip.replace(/^::ffff:(?=\d+\.)/, '')
const answer = (name: string, ip: string): string => `${name} ${plain(ip)}\n`

async function listen({ namespace, name, ip, port, protocol }: Listener): Promise<void> {
  enter(namespace)
  const greet = (socket: Socket) => {
    // A client that has given up resets; there is nobody to tell.
    socket.on('error', () => socket.destroy())
    socket.end(answer(name, socket.remoteAddress ?? ''))
  }
  if (protocol === 'SCTP') {
    if (hasKernelSctp) servers.push(await listenSctp(ip, port, greet))
    else servePackets(namespace, name, ip, port)
    return
  }
  if (protocol === 'TCP') {
    const server = createServer(greet)
    servers.push(server)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, ip, resolve))
    return
  }
  const socket = createSocket(isIPv4(ip) ? 'udp4' : 'udp6')
  servers.push(socket)
  socket.on('message', (_message, from) => socket.send(answer(name, from.address), from.port, from.address))
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, ip, resolve))
  socket.removeAllListeners('error').on('error', () => {})
}

/** The socket is made within the current turn of the loop: the caller stays in the namespace until then. */
function ask(probe: Probe): Promise<Outcome> {
  switch (probe.protocol) {
    case 'TCP':
      return askTcp(probe)
    case 'UDP':
      return askUdp(probe)
    case 'SCTP':
      return hasKernelSctp ? askSctp(probe) : askPackets(probe.namespace, probe)
  }
}

function read(text: string): Outcome {
  const [by = '', source = ''] = text.trim().split(' ')
  return { verdict: 'delivered', by, source }
}

function failed(error: NodeJS.ErrnoException): Outcome {
  return error.code === 'ECONNREFUSED'
    ? { verdict: 'refused' }
    : { verdict: 'failed', error: error.code ?? error.message }
}

function askTcp({ ip, port, sourcePort, timeoutMs }: Probe): Promise<Outcome> {
  const localPort = sourcePort === undefined ? {} : { localPort: sourcePort }
  return readAll(connect({ host: ip, port, ...localPort }), timeoutMs)
}

async function askSctp({ ip, port, timeoutMs, ...options }: Probe): Promise<Outcome> {
  try {
    return await readAll(sctpSocket(ip, options).connect({ host: ip, port }), timeoutMs)
  } catch (error) {
    // Not even a socket, or no way there.
    return { verdict: 'failed', error: String(error) }
  }
}

function readAll(socket: Socket, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = ''
    const end = (outcome: Outcome) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(() => end({ verdict: 'dropped' }), timeoutMs)
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.once('end', () => end(read(text))).once('error', (error) => end(failed(error)))
  })
}

function askUdp({ ip, port, sourcePort, timeoutMs }: Probe): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv4(ip) ? 'udp4' : 'udp6')
    const end = (outcome: Outcome) => {
      clearTimeout(timer)
      try {
        socket.close()
      } catch {
        // Closed already: its error came first.
      }
      resolve(outcome)
    }
    const timer = setTimeout(() => end({ verdict: 'dropped' }), timeoutMs)
    socket.once('message', (message) => end(read(message.toString()))).once('error', (error) => end(failed(error)))
    socket.bind({ port: sourcePort ?? 0, exclusive: true }, () => {
      // Connected, so that the kernel tells of ICMP errors.
      socket.connect(port, ip, () => {
        socket.send('hello')
      })
    })
  })
}

/** Enough turns of the loop for a socket that was asked for to be made. */
const settleMs = 4

async function probe(probes: readonly Probe[]): Promise<readonly Outcome[]> {
  const outcomes: Promise<Outcome>[] = []
  const byNamespace = new Map<string, number[]>()
  for (const [index, { namespace }] of probes.entries()) {
    const known = byNamespace.get(namespace)
    if (known === undefined) byNamespace.set(namespace, [index])
    else known.push(index)
  }
  for (const [namespace, indices] of byNamespace) {
    enter(namespace)
    for (const index of indices) {
      const each = probes[index]
      if (each !== undefined) outcomes[index] = ask(each)
    }
    await delay(settleMs)
  }
  return await Promise.all(outcomes)
}

async function serve(request: ProberRequest): Promise<ProberResponse['result']> {
  switch (request.type) {
    case 'listen':
      for (const listener of request.listeners) await listen(listener)
      return []
    case 'probe':
      return await probe(request.probes)
  }
}

// One request after the other: two would fight for the namespace of the thread.
let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (request: ProberRequest) => {
  last = last.then(async () => {
    const response: ProberResponse = await serve(request).then(
      (result) => ({ id: request.id, result }),
      (error: unknown) => ({ id: request.id, result: [], error: String(error) }),
    )
    parentPort?.postMessage(response)
  })
})
