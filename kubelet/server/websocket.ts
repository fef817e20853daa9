/**
 * WebSocket clients of exec, attach and port-forward, joined with the runtime's SPDY.
 *
 *   exec, attach   message = channel byte + data; 0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize; v5: 255 + channel = closed
 *   port-forward   `SPDY/3.1+portforward.k8s.io`: the messages are a SPDY connection, cut anywhere
 *
 * Source: KEP-4006, `k8s.io/apimachinery/pkg/util/remotecommand`.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { SpdyConnection, type SpdyStream, upgradeToSpdy } from './spdy-connection.ts'

const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const
type Channel = keyof typeof channels
const closeChannel = 255
/** What may wait for a slow client before the runtime is held back. */
const maxBufferedBytes = 1024 * 1024
/** Longest message that a client may send. */
const maxMessageBytes = 32 * 1024 * 1024

export type CommandStreams = {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** The best protocol of ours that the client offers; undefined: leave the client to the runtime. */
export function chooseProtocol(request: IncomingMessage, kind: 'command' | 'portForward'): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((text) => text.trim())
  const ours = kind === 'command' ? commandProtocols : [tunnelProtocol]
  return ours.find((protocol) => offered.includes(protocol))
}

/** Joins an exec or attach client with the runtime's stream at `url`. */
export async function bridgeCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { url, protocol, streams }: { readonly url: URL; readonly protocol: string; readonly streams: CommandStreams },
): Promise<void> {
  const upgraded = await upgradeToSpdy(url, ['v4.channel.k8s.io'])
  const client = await accept(request, socket, head, protocol)
  const connection = new SpdyConnection(upgraded.socket, upgraded.head, () => client.close(1000))
  const inputs = new Map<number, SpdyStream>()
  let open = 0
  const output = (channel: Channel) => ({
    onData: (bytes: Buffer) => send(client, connection, channels[channel], bytes),
    onEnd: () => {
      open -= 1
      if (open === 0) finish(client, connection)
    },
  })
  const ignore = { onData: () => {}, onEnd: () => {} }
  client.on('message', (data: Buffer) => receive(data, inputs, client))
  client.once('close', () => connection.close())
  client.on('error', () => connection.close())
  client.pause()
  const outputs: readonly Channel[] = [
    'error',
    ...(streams.stdout ? (['stdout'] as const) : []),
    ...(streams.stderr ? (['stderr'] as const) : []),
  ]
  open = outputs.length
  await connection.open({ streamType: 'error' }, output('error'))
  if (streams.stdin) inputs.set(channels.stdin, await connection.open({ streamType: 'stdin' }, ignore))
  for (const name of outputs.slice(1)) await connection.open({ streamType: name }, output(name))
  if (streams.tty) inputs.set(channels.resize, await connection.open({ streamType: 'resize' }, ignore))
  connection.onDrain(() => client.resume())
  // An empty message tells the client that the streams are open.
  client.send(Buffer.from([channels[outputs[1] ?? 'error']]))
  client.resume()
}

function receive(data: Buffer, inputs: ReadonlyMap<number, SpdyStream>, client: WebSocket): void {
  const channel = data[0]
  if (channel === undefined) return
  if (channel === closeChannel) {
    inputs.get(data[1] ?? 0)?.end()
    return
  }
  const stream = inputs.get(channel)
  if (stream !== undefined && data.length > 1 && !stream.write(data.subarray(1))) client.pause()
}

function send(client: WebSocket, connection: SpdyConnection, channel: number, bytes: Buffer): void {
  if (client.readyState !== WebSocket.OPEN) return
  client.send(Buffer.concat([Buffer.from([channel]), bytes]), { binary: true }, () => {
    if (client.bufferedAmount <= maxBufferedBytes) connection.resume()
  })
  if (client.bufferedAmount > maxBufferedBytes) connection.pause()
}

function finish(client: WebSocket, connection: SpdyConnection): void {
  client.close(1000)
  connection.close()
}

/** Unwraps a port-forward tunnel: the messages go to the runtime's SPDY socket as they are. */
export async function bridgeTunnel(request: IncomingMessage, socket: Duplex, head: Buffer, url: URL): Promise<void> {
  const upgraded = await upgradeToSpdy(url, ['portforward.k8s.io'])
  const runtime = upgraded.socket
  const client = await accept(request, socket, head, tunnelProtocol)
  const forward = (bytes: Buffer) => {
    client.send(bytes, { binary: true }, () => {
      if (client.bufferedAmount <= maxBufferedBytes) runtime.resume()
    })
    if (client.bufferedAmount > maxBufferedBytes) runtime.pause()
  }
  client.on('message', (data: Buffer) => {
    if (!runtime.write(data)) client.pause()
  })
  runtime.on('drain', () => client.resume())
  runtime.on('data', forward)
  runtime.once('close', () => client.close(1000))
  runtime.on('error', () => runtime.destroy())
  client.once('close', () => runtime.destroy())
  client.on('error', () => runtime.destroy())
  if (upgraded.head.length > 0) forward(upgraded.head)
}

async function accept(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: () => protocol,
  })
  return await new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve))
}
