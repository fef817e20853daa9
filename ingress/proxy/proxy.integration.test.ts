/** The proxy over real sockets of the loopback: what goes to the backend, what comes back, what is refused. */

import { once } from 'node:events'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { ingress, service, slice } from '../testing.ts'
import { Testbed } from './testbed.ts'

let bed: Testbed
let echoPort: number
const rules = { 'x.example': ['Prefix / web'] }
const everything = ingress('all', { rules })
const annotate = (annotations: Readonly<Record<string, string>>) =>
  ingress('all', {
    rules,
    annotations: Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]),
    ),
  })
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await pause(10)
}
const pause = async (ms: number): Promise<void> => await systemClock.sleep(ms, new AbortController().signal)

beforeAll(async () => {
  bed = await Testbed.start()
  echoPort = await bed.backend((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      const { method, url, rawHeaders } = request
      response.end(JSON.stringify({ method, url, rawHeaders, body: Buffer.concat(chunks).toString() }))
    })
  })
})

afterAll(async () => await bed.close())

type Echo = {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: string
}

function headersOf({ rawHeaders }: Echo): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  rawHeaders.forEach((name, at) => {
    if (at % 2 === 0)
      found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), rawHeaders[at + 1] ?? ''])
  })
  return found
}

async function echo(path: string, options: Parameters<Testbed['ask']>[1] = {}): Promise<Echo> {
  const { text, status } = await bed.ask(path, options)
  expect(status).toBe(200)
  return JSON.parse(text)
}

for (const [method, path, body] of [
  ['GET', '/', undefined],
  ['GET', '/sub-path?q=%20a', undefined],
  ['POST', '/', 'posted'],
  ['PUT', '/resource', 'put'],
  ['DELETE', '/resource', undefined],
  ['PATCH', '/resource', 'patched'],
] as const) {
  test(`a ${method} of ${path} arrives as it was sent`, async () => {
    bed.routeAll(everything, echoPort)
    const sent = await echo(path, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-length': String(body.length) } }),
    })
    expect(sent).toMatchObject({ method, url: path, body: body ?? '' })
    expect(headersOf(sent).get('host')).toEqual(['x.example'])
  })
}

test('a body in chunks arrives in chunks', async () => {
  bed.routeAll(everything, echoPort)
  const sent = await echo('/', { method: 'POST', body: ['one ', 'two'] })
  expect(sent.body).toBe('one two')
  expect(headersOf(sent).get('transfer-encoding')).toEqual(['chunked'])
})

test('a POST without a body says so', async () => {
  bed.routeAll(everything, echoPort)
  const answer = await bed.raw('POST /a HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n')
  expect(answer).toContain('HTTP/1.1 200')
  expect(answer).toContain('"Content-Length","0"')
})

test('the backend is told where a request came from, and not what the client says of it', async () => {
  bed.routeAll(everything, echoPort)
  const lies = {
    forwarded: 'for=evil',
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-host': 'evil',
    'x-real-ip': '6.6.6.6',
    proxy: 'http://evil',
  }
  const headers = headersOf(
    await echo('/', { headers: { ...lies, 'x-forwarded-proto': 'https', accept: 'text/html' } }),
  )
  const seen = Object.fromEntries(
    ['x-forwarded-for', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'proxy', 'accept'].map(
      (name) => [name, headers.get(name)],
    ),
  )
  expect(seen).toEqual({
    'x-forwarded-for': ['127.0.0.1'],
    'x-real-ip': ['127.0.0.1'],
    'x-forwarded-host': ['x.example'],
    'x-forwarded-proto': ['http'],
    forwarded: undefined,
    proxy: undefined,
    accept: ['text/html'],
  })
  expect(headers.get('x-request-id')?.[0]).toMatch(/^[0-9a-f]{32}$/)
})

test('headers for one hop stay here, in both directions', async () => {
  const port = await bed.backend((request, response) => {
    response.writeHead(200, {
      Connection: 'close, X-Private',
      'X-Private': 'secret',
      'Keep-Alive': 'timeout=5',
      'Set-Cookie': ['a=1', 'b=2'],
      'X-Seen': Object.keys(request.headers).join(),
    })
    response.end('ok')
  })
  bed.routeAll(everything, port)
  const { headers } = await bed.ask('/', {
    headers: { connection: 'x-hop', 'x-hop': 'secret', te: 'gzip', 'proxy-authorization': 'Basic x' },
  })
  expect(headers['x-private']).toBeUndefined()
  expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
  for (const name of ['x-hop', 'te', 'proxy-authorization'])
    expect(headers['x-seen']?.toString().split(',')).not.toContain(name)
})

test('status, reason, an empty answer and a HEAD pass through', async () => {
  const port = await bed.backend((request, response) => {
    if (request.url === '/reason') response.writeHead(418, 'Short And Stout').end()
    else if (request.url === '/none') response.writeHead(204).end()
    else response.writeHead(200, { 'Content-Length': '5' }).end(request.method === 'HEAD' ? undefined : 'hello')
  })
  bed.routeAll(everything, port)
  expect(await bed.raw('GET /reason HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n')).toContain(
    'HTTP/1.1 418 Short And Stout',
  )
  expect((await bed.ask('/none')).status).toBe(204)
  const head = await bed.ask('/', { method: 'HEAD' })
  expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '5', ''])
})

test('an answer is passed on while it is made', async () => {
  const writes: ((text: string) => void)[] = []
  const port = await bed.backend((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.flushHeaders()
    writes.push((text) => response.write(text))
  })
  bed.routeAll(everything, port)
  const socket = bed.connect()
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString()
  })
  socket.write('GET / HTTP/1.1\r\nHost: x.example\r\n\r\n')
  // Nothing of the body is there, and nothing will come before the head has arrived.
  await until(() => seen.includes('text/event-stream'))
  for (const event of ['data: 1', 'data: 2']) {
    writes[0]?.(`${event}\n\n`)
    await until(() => seen.includes(event))
  }
  socket.destroy()
})

const smuggled: readonly (readonly [string, string])[] = [
  ['both lengths', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['both lengths, the other way round', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['two equal lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
  ['a list of lengths', 'Content-Length: 3, 3\r\n\r\nabc'],
  ['a signed length', 'Content-Length: +3\r\n\r\nabc'],
  ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['a coding after chunked', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
  ['a folded header', 'X-A: b\r\n c\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n'],
  ['a bare line feed', 'X-A: b\nX-B: c\r\n\r\n'],
  ['a second host', 'Host: y.example\r\n\r\n'],
  ['a control character', 'X-A: b\u0000c\r\n\r\n'],
]
for (const [what, rest] of smuggled) {
  test(`a request with ${what} is refused, and what follows it is not read`, async () => {
    const requests: string[] = []
    const port = await bed.backend((request, response) => {
      requests.push(request.url ?? '')
      request.resume()
      response.end('ok')
    })
    bed.routeAll(everything, port)
    const answer = await bed.raw(
      `POST /first HTTP/1.1\r\nHost: x.example\r\n${rest}GET /second HTTP/1.1\r\nHost: x.example\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(requests).toEqual([])
  })
}

for (const [what, text] of [
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a path above the root', 'GET /../x HTTP/1.1\r\nHost: x.example\r\n\r\n'],
  ['a target without path', 'OPTIONS * HTTP/1.1\r\nHost: x.example\r\n\r\n'],
] as const) {
  test(`a request with ${what} is refused`, async () => {
    bed.routeAll(everything, echoPort)
    expect(await bed.raw(text)).toMatch(/^HTTP\/1\.1 400 /)
  })
}

test('TRACE is refused', async () => {
  bed.routeAll(everything, echoPort)
  expect((await bed.ask('/', { method: 'TRACE' })).status).toBe(405)
})

test('an absolute target names the host, also to the backend', async () => {
  bed.routeAll(everything, echoPort)
  const answer = await bed.raw('GET http://x.example/abs?q HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n')
  expect(answer).toContain('"url":"/abs?q"')
  expect(answer).toContain('"Host","x.example"')
})

test('what nobody wants is a 404 of our own', async () => {
  bed.routeAll(everything, echoPort)
  const { status, text } = await bed.ask('/', { headers: { host: 'unknown.example' } })
  expect([status, text]).toEqual([404, 'default backend - 404\n'])
})

test('a Service without endpoints is a 503', async () => {
  bed.route([everything], [slice('web', 80, { '127.0.0.1': { ready: false } })])
  expect((await bed.ask('/')).status).toBe(503)
})

/** Backends that say their address. */
async function addressBackends(...addresses: readonly string[]): Promise<number> {
  let port = 0
  for (const address of addresses) port = await bed.backend((_, response) => response.end(address), { address, port })
  return port
}

test('requests go to all endpoints in turn', async () => {
  const addresses = Array.from({ length: 10 }, (_, index) => `127.0.0.${10 + index}`)
  bed.routeAll(everything, await addressBackends(...addresses), addresses)
  const counts = new Map<string, number>()
  for (let count = 0; count < 100; count++) {
    const { text } = await bed.ask('/')
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  expect([...counts.values()]).toEqual(addresses.map(() => 10))
})

test('an endpoint that does not connect is passed over, with any method and with the whole body', async () => {
  bed.routeAll(everything, echoPort, ['127.0.0.1', '127.0.0.9'])
  for (let count = 0; count < 4; count++) {
    const sent = await echo('/', { method: 'POST', body: 'kept' })
    expect(sent.body).toBe('kept')
  }
})

test('no endpoint that connects is a 502', async () => {
  bed.routeAll(everything, echoPort, ['127.0.0.9'])
  expect((await bed.ask('/')).status).toBe(502)
})

test('an endpoint that answers nothing in time is a 504, and is asked once', async () => {
  let asked = 0
  const port = await bed.backend(() => {
    asked += 1
  })
  bed.routeAll(annotate({ 'proxy-read-timeout': '1' }), port)
  expect((await bed.ask('/')).status).toBe(504)
  expect(asked).toBe(1)
})

test('an endpoint that hangs up instead of answering is a 502, and is asked once', async () => {
  let asked = 0
  const port = await bed.backend((request) => {
    asked += 1
    request.socket.destroy()
  })
  bed.routeAll(everything, port)
  expect((await bed.ask('/', { method: 'POST', body: 'x' })).status).toBe(502)
  expect(asked).toBe(1)
})

test('an answer that breaks off does not look whole', async () => {
  const port = await bed.backend((_, response) => {
    response.write('half')
    // After the head and the half have left.
    void pause(50).then(() => response.destroy())
  })
  bed.routeAll(everything, port)
  await expect(bed.ask('/')).rejects.toThrow()
})

test('an answer that is no HTTP is a 502', async () => {
  const port = await bed.serve(createTcpServer((socket) => socket.end('hello\n')))
  bed.routeAll(everything, port)
  expect((await bed.ask('/')).status).toBe(502)
})

test('connections to endpoints are kept, and a kept one that was closed costs an idempotent request nothing', async () => {
  const sockets: Socket[] = []
  const port = await bed.backend((_, response) => response.end('ok'))
  // The connections, in order.
  const counting = createTcpServer((client) => {
    sockets.push(client)
    let isFirst = true
    client.on('error', () => {})
    client.on('data', () => {
      // The first connection answers once and is reset at the second request, as by a server that has just closed it.
      if (sockets[0] === client && !isFirst) client.resetAndDestroy()
      else client.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      isFirst = false
    })
  })
  expect(port).toBeGreaterThan(0)
  bed.routeAll(everything, await bed.serve(counting))
  expect((await bed.ask('/')).status).toBe(200)
  expect((await bed.ask('/')).status).toBe(200)
  expect((await bed.ask('/')).status).toBe(200)
  expect(sockets).toHaveLength(2)
  for (const socket of sockets) socket.destroy()
})

test('a client that goes away ends the request to the backend', async () => {
  let gone = (): void => {}
  const isGone = new Promise<void>((resolve) => {
    gone = resolve
  })
  const port = await bed.backend((_, response) => {
    response.write('begin')
    response.once('close', gone)
  })
  bed.routeAll(everything, port)
  const socket = bed.connect()
  socket.write('GET / HTTP/1.1\r\nHost: x.example\r\n\r\n')
  await once(socket, 'data')
  socket.destroy()
  await isGone
})

test('idle connections to an endpoint that left are closed', async () => {
  let open = 0
  const port = await bed.serve(
    createTcpServer((client) => {
      open += 1
      client.on('error', () => {})
      client.once('close', () => {
        open -= 1
      })
      client.on('data', () => client.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    }),
  )
  bed.routeAll(everything, port)
  await bed.ask('/')
  expect(open).toBe(1)
  bed.routeAll(everything, echoPort)
  await until(() => open === 0)
})

test('a body that is too large is a 413, by its length or while it comes', async () => {
  bed.routeAll(annotate({ 'proxy-body-size': '1k' }), echoPort)
  const large = 'x'.repeat(2_000)
  expect((await bed.ask('/', { method: 'POST', body: large, headers: { 'content-length': '2000' } })).status).toBe(413)
  expect((await bed.ask('/', { method: 'POST', body: ['y'.repeat(700), 'y'.repeat(700)] })).status).toBe(413)
  expect((await echo('/', { method: 'POST', body: 'small' })).body).toBe('small')
})

test('Expect: 100-continue is answered when the body is wanted, and only then', async () => {
  bed.routeAll(annotate({ 'proxy-body-size': '1k' }), echoPort)
  const head = (length: number): string =>
    `POST / HTTP/1.1\r\nHost: x.example\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
  expect(await bed.raw(head(5), /Continue/)).toMatch(/^HTTP\/1\.1 100 Continue/)
  expect(await bed.raw(head(5_000))).toMatch(/^HTTP\/1\.1 413 /)
})

test('ssl-redirect sends plain requests for hosts with TLS away, and others not', async () => {
  const annotations = { 'nginx.ingress.kubernetes.io/ssl-redirect': 'true' }
  const hosts = { 'x.example': ['Prefix / web'], 'y.example': ['Prefix / web'] }
  bed.routeAll(ingress('a', { rules: hosts, tls: { 'x.example': 'cert' }, annotations }), echoPort)
  const { status, headers } = await bed.ask('/path?q=1')
  expect([status, headers.location]).toEqual([308, 'https://x.example/path?q=1'])
  expect((await bed.ask('/', { headers: { host: 'y.example' } })).status).toBe(200)
  expect((await bed.ask('/', { isSecure: true })).status).toBe(200)
})

test('a plain request for a host with TLS is served without the annotation', async () => {
  bed.routeAll(ingress('a', { rules, tls: { 'x.example': 'cert' } }), echoPort)
  expect((await bed.ask('/')).status).toBe(200)
})

test('rewrite-target changes what the backend sees', async () => {
  const annotations = { 'nginx.ingress.kubernetes.io/rewrite-target': '/$2' }
  bed.routeAll(
    ingress('a', { rules: { 'x.example': ['ImplementationSpecific /app(/|$)(.*) web'] }, annotations }),
    echoPort,
  )
  expect((await echo('/app/users?q=1')).url).toBe('/users?q=1')
})

test('an affinity cookie keeps a client with its endpoint', async () => {
  const addresses = ['127.0.0.31', '127.0.0.32', '127.0.0.33']
  const port = await addressBackends(...addresses)
  bed.routeAll(annotate({ affinity: 'cookie', 'session-cookie-name': 'route' }), port, addresses)
  const first = await bed.ask('/')
  const cookie = first.headers['set-cookie']?.[0] ?? ''
  expect(cookie).toMatch(/^route=[0-9a-f]{32}; Path=\/; HttpOnly$/)
  const answers = []
  for (let count = 0; count < 5; count++)
    answers.push(await bed.ask('/', { headers: { cookie: cookie.split(';')[0] ?? '' } }))
  expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([first.text]))
  expect(answers.flatMap(({ headers }) => headers['set-cookie'] ?? [])).toEqual([])
  const others = addresses.filter((address) => address !== first.text)
  bed.routeAll(annotate({ affinity: 'cookie', 'session-cookie-name': 'route' }), port, others)
  const moved = await bed.ask('/', { headers: { cookie: cookie.split(';')[0] ?? '' } })
  expect(others).toContain(moved.text)
  expect(moved.headers['set-cookie']).toHaveLength(1)
})

/** A WebSocket in all but its frames: agrees, and sends back what comes. */
async function upgradeBackend(): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => {
      if (!head.toString().includes('Upgrade: websocket')) {
        socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
        return
      }
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nfirst;',
      )
      socket.pipe(socket)
    })
  })
  return await bed.serve(server)
}

test('an upgrade becomes a tunnel', async () => {
  bed.routeAll(everything, await upgradeBackend())
  const socket = bed.connect()
  let seen = ''
  socket.on('data', (chunk) => {
    seen += chunk.toString()
  })
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly;',
  )
  await until(() => seen.includes('early;'))
  socket.write('late;')
  await until(() => seen.endsWith('late;'))
  expect(seen).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
  expect(seen).toContain('Sec-WebSocket-Accept: x\r\n')
  expect(seen.split('\r\n\r\n')[1]).toBe('first;early;late;')
  socket.destroy()
})

test('an upgrade with a body neither hangs nor smuggles', async () => {
  bed.routeAll(everything, echoPort)
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: x.example\r\n\r\n'
  const head = `POST /ws HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: ${hidden.length}\r\n\r\n`
  const answer = await bed.raw(`${head}${hidden}`)
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).not.toContain('/hidden')
})

test('an upgrade over TLS becomes a tunnel, too', async () => {
  bed.routeAll(everything, await upgradeBackend())
  const socket = connectTls({ port: bed.ports.https, host: '127.0.0.1', rejectUnauthorized: false })
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString()
  })
  socket.write('GET /wss HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await until(() => seen.includes('first;'))
  socket.write('over TLS;')
  await until(() => seen.endsWith('over TLS;'))
  expect(seen).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
  socket.destroy()
})

test('an upgrade that the backend refuses is answered, and one to nobody is a 502', async () => {
  bed.routeAll(everything, await upgradeBackend())
  const head = (upgrade: string): string =>
    `GET /ws HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`
  expect(await bed.raw(head('other'))).toMatch(/^HTTP\/1\.1 426 /)
  bed.routeAll(everything, echoPort, ['127.0.0.9'])
  expect(await bed.raw(head('websocket'))).toMatch(/^HTTP\/1\.1 502 /)
})

test('an offer of h2c is left aside, and its body arrives', async () => {
  bed.routeAll(everything, echoPort)
  const answer = await bed.raw(
    'POST /h2c HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\nbody',
    /"body":"body"/,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer).toContain('"body":"body"')
})

type Http2Answer = {
  readonly status: number | undefined
  readonly text: string
  readonly trailers: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
}

async function askHttp2(
  headers: Readonly<Record<string, string | readonly string[]>>,
  body?: string,
): Promise<Http2Answer> {
  const session = connectHttp2(`https://127.0.0.1:${bed.ports.https}`, {
    rejectUnauthorized: false,
    servername: 'x.example',
  })
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request(
        { ':authority': 'x.example', ':path': '/', ...headers },
        { endStream: body === undefined },
      )
      let text = ''
      let trailers: Readonly<Record<string, unknown>> = {}
      let answered: Readonly<Record<string, unknown>> = {}
      stream.on('response', (fields) => {
        answered = { ...fields }
      })
      stream.on('trailers', (fields) => {
        trailers = { ...fields }
      })
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      stream.on('error', reject)
      stream.on('close', () => resolve({ status: Number(answered[':status']), text, trailers, headers: answered }))
      if (body !== undefined) stream.end(body)
    })
  } finally {
    session.close()
  }
}

test('clients speak HTTP/2 by ALPN to backends that speak HTTP/1.1', async () => {
  bed.routeAll(everything, echoPort)
  const { status, text } = await askHttp2({ ':method': 'POST', ':path': '/h2?q', cookie: ['a=1', 'b=2'] }, 'over h2')
  const sent: Echo = JSON.parse(text)
  expect([status, sent.method, sent.url, sent.body]).toEqual([200, 'POST', '/h2?q', 'over h2'])
  const headers = headersOf(sent)
  expect([headers.get('host'), headers.get('cookie'), headers.get('x-forwarded-proto')]).toEqual([
    ['x.example'],
    ['a=1; b=2'],
    ['https'],
  ])
  expect([...headers.keys()].filter((name) => name.startsWith(':'))).toEqual([])
})

test('HTTP/2 clients get errors, HEADs and empty answers, too', async () => {
  bed.routeAll(everything, echoPort)
  expect(await askHttp2({ ':authority': 'unknown.example' })).toMatchObject({
    status: 404,
    text: 'default backend - 404\n',
  })
  expect(await askHttp2({ ':method': 'HEAD', ':authority': 'unknown.example' })).toMatchObject({
    status: 404,
    text: '',
  })
  expect(await askHttp2({ ':method': 'HEAD' })).toMatchObject({ status: 200, text: '' })
  expect(await askHttp2({ ':path': '/../x' })).toMatchObject({ status: 400 })
})

test('gRPC goes over HTTP/2 from end to end, with its trailers', async () => {
  const server = createHttp2Server()
  server.on('stream', (stream, headers) => {
    if (headers[':path'] === '/error') {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () =>
      stream.sendTrailers({
        'grpc-status': '0',
        'x-te': String(headers['te']),
        'x-authority': String(headers[':authority']),
      }),
    )
    stream.pipe(stream)
  })
  const port = await bed.serve(server)
  bed.routeAll(annotate({ 'backend-protocol': 'GRPC' }), port)
  const good = await askHttp2(
    { ':method': 'POST', ':path': '/call', te: 'trailers', 'content-type': 'application/grpc' },
    'message',
  )
  expect(good).toMatchObject({
    status: 200,
    text: 'message',
    trailers: { 'grpc-status': '0', 'x-te': 'trailers', 'x-authority': 'x.example' },
  })
  const bad = await askHttp2({ ':method': 'POST', ':path': '/error', te: 'trailers' }, 'message')
  expect(bad).toMatchObject({ status: 200, text: '', headers: { 'grpc-status': '5' } })
  bed.route([everything], [slice('web', port, { '127.0.0.1': {} })], {
    services: [service('web', { appProtocol: 'kubernetes.io/h2c' })],
  })
  expect((await askHttp2({ ':path': '/call' })).status).toBe(200)
  bed.routeAll(annotate({ 'backend-protocol': 'GRPC' }), port, ['127.0.0.9'])
  expect((await askHttp2({ ':path': '/call' })).status).toBe(502)
})

test('HTTPS backends are spoken to over TLS', async () => {
  const pair = await selfSignedKeyPair('backend', ['backend'], systemClock.now())
  const port = await bed.serve(createHttpsServer(pair, (_, response) => response.end('secure')))
  bed.routeAll(annotate({ 'backend-protocol': 'HTTPS' }), port)
  expect((await bed.ask('/')).text).toBe('secure')
  bed.routeAll(everything, port)
  expect((await bed.ask('/')).status).toBe(502)
})

test('trailers of an answer in chunks arrive', async () => {
  const port = await bed.backend((_, response) => {
    response.writeHead(200, { Trailer: 'X-Sum' })
    response.write('body')
    response.addTrailers({ 'X-Sum': '4' })
    response.end()
  })
  bed.routeAll(everything, port)
  expect((await bed.ask('/')).trailers).toEqual({ 'x-sum': '4' })
})

test('requests under way end when the proxy stops, and new ones are not taken', async () => {
  const own = await Testbed.start({ drainMs: 20_000 })
  const ends: (() => void)[] = []
  const port = await own.backend((_, response) => {
    response.write('one ')
    ends.push(() => response.end('two'))
  })
  own.routeAll(everything, port)
  const answer = own.ask('/')
  await until(() => ends.length === 1)
  const stopping = own.stop()
  await expect(own.ask('/')).rejects.toThrow('ECONNREFUSED')
  ends[0]?.()
  expect((await answer).text).toBe('one two')
  await stopping
  await own.close()
})

test('what takes too long is cut when the proxy stops', async () => {
  const own = await Testbed.start({ drainMs: 100 })
  let asked = 0
  const port = await own.backend((_, response) => {
    asked += 1
    response.write('for ever')
  })
  own.routeAll(everything, port)
  const answer = own.ask('/').then(
    () => 'whole',
    () => 'cut',
  )
  await until(() => asked === 1)
  await own.stop()
  expect(await answer).toBe('cut')
  await own.close()
})

test('behind a proxy that is believed, what it says is passed on', async () => {
  const own = await Testbed.start({ trustsForwarded: true })
  let seen: Readonly<Record<string, unknown>> = {}
  const port = await own.backend((request, response) => {
    seen = request.headers
    response.end()
  })
  own.routeAll(
    ingress('a', { rules, tls: { 'x.example': 'c' }, annotations: { 'kubets.io/ssl-redirect': 'true' } }),
    port,
  )
  const said = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'public.example' }
  expect((await own.ask('/', { headers: said })).status).toBe(200)
  expect(seen).toMatchObject({ ...said, 'x-forwarded-for': '203.0.113.7, 127.0.0.1', 'x-real-ip': '203.0.113.7' })
  await own.close()
})

test('an answer of our own leaves the connection for the next request', async () => {
  bed.routeAll(everything, echoPort)
  const get = (name: string, more = ''): string => `GET / HTTP/1.1\r\nHost: ${name}\r\n${more}\r\n`
  const answer = await bed.raw(`${get('unknown.example')}${get('x.example', 'Connection: close\r\n')}`)
  expect(answer.match(/^HTTP\/1\.1 \d+|HTTP\/1\.1 200/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200'])
})

test('a body that nobody wants is not taken for the next request', async () => {
  bed.routeAll(everything, echoPort)
  const hidden = 'GET / HTTP/1.1\r\nHost: x.example\r\n\r\n'
  const answer = await bed.raw(
    `POST / HTTP/1.1\r\nHost: unknown.example\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  )
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404'])
})

test('over HTTP/2 a large body that nobody wants neither hangs nor ends the session', async () => {
  bed.routeAll(everything, echoPort)
  const large = 'x'.repeat(3_000_000)
  const answer = await askHttp2({ ':method': 'POST', ':authority': 'unknown.example' }, large)
  expect(answer).toMatchObject({ status: 404, text: 'default backend - 404\n' })
  const whole = await askHttp2({ ':method': 'POST' }, large)
  expect(JSON.parse(whole.text).body).toHaveLength(large.length)
})

/** A backend that answers every connection with these bytes. */
async function fixedBackend(text: string): Promise<number> {
  return await bed.serve(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.from(text, 'latin1')))
    }),
  )
}

test('an answer whose lines end with a bare line feed is passed on, as CGI programs write it', async () => {
  bed.routeAll(everything, await fixedBackend('HTTP/1.0 200 OK\r\nContent-type: text/plain\n\nhello\n'))
  expect(await bed.ask('/')).toMatchObject({ status: 200, text: 'hello\n' })
  expect(await askHttp2({})).toMatchObject({ status: 200, text: 'hello\n' })
})

const strangeAnswers: readonly (readonly [string, string])[] = [
  ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a control character in a header', 'HTTP/1.1 200 OK\r\nX-A: b\u0001c\r\nContent-Length: 0\r\n\r\n'],
  ['a status that is none', 'HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n'],
  ['a header name that is none', 'HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n'],
]
for (const [what, text] of strangeAnswers) {
  test(`an answer with ${what} harms nobody`, async () => {
    bed.routeAll(everything, await fixedBackend(text))
    const plain = await bed.ask('/').then(
      ({ status }) => status,
      () => 'cut',
    )
    expect([502, 'cut']).toContain(plain)
    await askHttp2({}).catch(() => undefined)
    bed.routeAll(everything, echoPort)
    expect((await bed.ask('/')).status).toBe(200)
  })
}

test('a reason with a control character is left out', async () => {
  bed.routeAll(
    everything,
    await fixedBackend('HTTP/1.1 200 O\u0001K\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
  )
  expect(await bed.raw('GET / HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 200 OK\r\n/,
  )
})

test('what HTTP/2 can say and HTTP/1.1 cannot harms nobody', async () => {
  bed.routeAll(everything, echoPort)
  for (const headers of [
    { ':path': '/caf\u00e9\u4e16' },
    { ':path': '/a b' },
    { 'x-name': '\u4e16\u754c' },
    { ':authority': 'x.example\u4e16' },
  ]) {
    await askHttp2(headers).catch(() => undefined)
    expect((await bed.ask('/')).status).toBe(200)
  }
})
