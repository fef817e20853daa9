/** What a client sees of requests that upstream answers in ways of its own. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import type { Issued } from '../test/fixtures/certificates.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { patienceMs } from '../test/fixtures/process.ts'

let plane: TestControlPlane
let admin: Issued
let api: RawClient

beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  admin = await plane.authority.issue('test-admin', ['system:masters'])
  api = await rawClient(plane, admin)
}, 60_000)
afterAll(async () => await plane?.close())

/** Sends bytes over a connection of HTTP/1.1 and reads until the server ends it. */
async function raw(text: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const { cert, key } = admin
    const socket = connect({ host: '127.0.0.1', port: plane.port, ca: plane.authority.cert, cert, key }, () =>
      socket.write(text),
    )
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      // What stays open has said all it has to say.
      socket.setTimeout(3_000)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.setTimeout(patienceMs, () => socket.destroy())
  })
}

const configMaps = '/api/v1/namespaces/default/configmaps'
const deployments = '/apis/apps/v1/namespaces/default/deployments'
const applyType = 'application/apply-patch+yaml'

function deployment(name: string): object {
  const labels = { app: name }
  const containers = [{ name: 'c', image: 'x' }]
  const spec = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec }
}

test('apply of a scale conflicts with who holds the replicas, and takes them when forced', async () => {
  const path = `${deployments}/scaled`
  const send = async (at: string, body: object) => await api.send(at, { method: 'PATCH', contentType: applyType, body })
  expect(await send(`${path}?fieldManager=a`, deployment('scaled'))).toMatchObject({ code: 201 })
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'scaled' }, spec: { replicas: 5 } }
  const refused = await send(`${path}/scale?fieldManager=b`, scale)
  expect(refused.code).toBe(409)
  expect(refused.json.message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.replicas')
  const forced = await send(`${path}/scale?fieldManager=b&force=true`, scale)
  expect(forced).toMatchObject({ code: 200, json: { kind: 'Scale', spec: { replicas: 5 } } })
  const { json } = await api.send(path)
  expect(json.spec.replicas).toBe(5)
  const [first, second] = json.metadata.managedFields
  expect(first).toMatchObject({ manager: 'b', operation: 'Apply', apiVersion: 'apps/v1', subresource: 'scale' })
  expect(first.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } })
  expect(second.manager).toBe('a')
  expect(second.fieldsV1['f:spec']).not.toHaveProperty('f:replicas')
  expect(await send(`${path}/scale`, scale)).toMatchObject({ code: 422 })
})

test('an update with a resourceVersion that is no number is told so in Go’s words', async () => {
  await api.send(configMaps, { method: 'POST', body: { metadata: { name: 'numbers' } } })
  const update = async (resourceVersion: string) =>
    await api.send(`${configMaps}/numbers`, { method: 'PUT', body: { metadata: { name: 'numbers', resourceVersion } } })
  expect(await update('abc')).toMatchObject({
    code: 500,
    json: { message: 'strconv.ParseUint: parsing "abc": invalid syntax' },
  })
  expect((await update('99999999999999999999')).json.message).toMatch(/value out of range$/)
  expect(await update('1')).toMatchObject({ code: 409 })
})

test('a patch cannot make another kind of an object, and a strategic one does not try', async () => {
  await api.send(configMaps, { method: 'POST', body: { metadata: { name: 'kinds' } } })
  const patch = async (contentType: string, body: object) =>
    await api.send(`${configMaps}/kinds`, { method: 'PATCH', contentType, body })
  const merge = 'application/merge-patch+json'
  const bogus = await patch(merge, { kind: 'Bogus' })
  expect(bogus.code).toBe(422)
  expect(bogus.json.message).toMatch(/: no kind "Bogus" is registered for version "v1" in scheme /)
  expect((await patch(merge, { kind: 'Secret' })).json.message).toMatch(
    /: converting \(v1.Secret\) to \(core.ConfigMap\): unknown conversion$/,
  )
  expect((await patch(merge, { apiVersion: 'a/b/c' })).json.message).toMatch(/unexpected GroupVersion string: a\/b\/c$/)
  const strategic = await patch('application/strategic-merge-patch+json', { kind: 'Secret', data: { a: 'b' } })
  expect(strategic).toMatchObject({ code: 200, json: { kind: 'ConfigMap', data: { a: 'b' } } })
})

test('an empty list of managed fields is an order to forget them', async () => {
  await api.send(configMaps, { method: 'POST', body: { metadata: { name: 'owners' }, data: { a: 'b' } } })
  const body = { metadata: { name: 'owners', managedFields: [] }, data: { a: 'b' } }
  const { json } = await api.send(`${configMaps}/owners`, { method: 'PUT', body })
  expect(json.metadata).not.toHaveProperty('managedFields')
})

test('a deletion whose precondition fails says what it has found', async () => {
  await api.send(configMaps, { method: 'POST', body: { metadata: { name: 'kept' } } })
  const refused = await api.send(`${configMaps}/kept`, { method: 'DELETE', body: { preconditions: { uid: 'x' } } })
  expect(refused.code).toBe(409)
  expect(refused.json.message).toMatch(/the UID in the precondition \(x\) does not match the UID in record \(/)
})

test('a request of HTTP/1.1 must name its host once, and speak a version that there is', async () => {
  const get = 'GET /version HTTP/1.1\r\n'
  expect(await raw(`${get}\r\n`)).toMatch(/^HTTP\/1.1 400 Bad Request: missing required Host header\r\n/)
  expect(await raw(`${get}Host: a\r\nHost: b\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
  expect(await raw(`${get}Host: a b\r\n\r\n`)).toMatch(/malformed Host header$/)
  expect(await raw('GET /version HTTP/9.9\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1.1 505 HTTP Version Not Supported/)
  expect(await raw('GET /version HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\r\n/)
})

test('a protocol that a path does not speak may be offered all the same', async () => {
  const head = 'HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  expect(await raw(`GET /api/v1/namespaces?limit=1 ${head}`)).toMatch(/^HTTP\/1.1 200 OK\r\n.*"kind":"NamespaceList"/s)
})

test('a watch over a WebSocket wants to know where it comes from', async () => {
  const head = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const open = async (more: string): Promise<string> =>
    await raw(`GET /api/v1/namespaces?watch=1&timeoutSeconds=1 HTTP/1.1\r\n${head}${more}\r\n`)
  expect(await open('Sec-WebSocket-Version: 13\r\n')).toBe('HTTP/1.1 403 Forbidden\r\n\r\n')
  expect(await open('Sec-WebSocket-Version: 13\r\nOrigin: null\r\n')).toBe('HTTP/1.1 403 Forbidden\r\n\r\n')
  expect(await open('Sec-WebSocket-Version: 7\r\nOrigin: https://a\r\n')).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/)
  expect(await open('Sec-WebSocket-Version: 13\r\nOrigin: https://a\r\n')).toMatch(/^HTTP\/1.1 101 /)
})

test('only what the authorizers refuse must not be sniffed at', async () => {
  const nobody = await rawClient(plane, await plane.authority.issue('nobody'))
  const { code, headers } = await nobody.send('/api/v1/pods')
  expect(code).toBe(403)
  expect(headers['x-content-type-options']).toBe('nosniff')
  const { headers: good } = await api.send('/api/v1/namespaces')
  expect(good).not.toHaveProperty('x-content-type-options')
})

test('pages about the server are there, for those who may see them', async () => {
  expect((await api.send('/flagz')).text).toMatch(/\nsecure-port:\d+\n/)
  expect((await api.send('/statusz')).text).toContain('Binary version= 1.36.2')
  expect((await api.send('/debug/pprof/')).text).toContain('heap')
  await api.send('/livez?verbose')
  const slis = (await api.send('/metrics/slis')).text
  expect(slis).toContain('kubernetes_healthcheck{name="ping",type="livez"} 1')
  expect(slis).toMatch(/kubernetes_healthchecks_total\{name="etcd",type="livez",status="success"\} [1-9]/)
  const nobody = await rawClient(plane, await plane.authority.issue('nobody'))
  for (const path of ['/flagz', '/statusz', '/debug/pprof/', '/metrics/slis']) {
    expect(await nobody.send(path)).toMatchObject({ code: 403 })
  }
})

test('metrics tell what was asked of etcd, and how large the answers were', async () => {
  await api.send(`${configMaps}?dryRun=All`, { method: 'POST', body: { metadata: { name: 'dry' } } })
  await api.send(configMaps)
  const { text } = await api.send('/metrics')
  expect(text).toMatch(/etcd_request_duration_seconds_count\{operation="create",group="",resource="configmaps"\} [1-9]/)
  expect(text).toMatch(/apiserver_response_sizes_sum\{verb="LIST",[^}]*resource="configmaps"[^}]*\} [1-9]/)
  expect(text).toMatch(/apiserver_request_total\{verb="POST",[^}]*resource="configmaps"[^}]*dry_run="All"[^}]*\} 1/)
})

test('reviews tell who has asked, and for which fields', async () => {
  const spec = { user: 'jane', nonResourceAttributes: { path: '/x', verb: 'get' } }
  const { json } = await api.send('/apis/authorization.k8s.io/v1/subjectaccessreviews?fieldManager=me', {
    method: 'POST',
    body: { spec },
  })
  expect(json.status.allowed).toBe(false)
  expect(json.metadata.managedFields).toMatchObject([
    { manager: 'me', operation: 'Update', fieldsV1: { 'f:spec': { 'f:user': {} } } },
  ])
})

test('documents that say what there is come in protobuf too', async () => {
  const accept = 'application/vnd.kubernetes.protobuf'
  for (const path of ['/api', '/apis', '/api/v1', '/apis/apps']) {
    const { headers, text } = await api.send(path, { headers: { accept } })
    expect(headers['content-type']).toBe(accept)
    expect(text.startsWith('k8s\0')).toBe(true)
  }
  const aggregated = `${accept};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`
  const { headers, text } = await api.send('/apis', { headers: { accept: aggregated } })
  expect(headers['content-type']).toBe(aggregated)
  expect(text).toContain('deployments')
})

test('the issuer’s document names the server’s own address', async () => {
  const { json } = await api.send('/.well-known/openid-configuration')
  expect(json.jwks_uri).toBe(`https://192.0.2.1:${plane.port}/openid/v1/jwks`)
})

/** Answers with what it was asked, and echoes over upgraded connections. */
function echoServer(): Server {
  const server = createServer((request, response) => {
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/elsewhere' }).end()
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/plain', 'x-method': request.method })
      response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
    })
  })
  return server.on('upgrade', (_, socket, head: Buffer) => {
    const echo = (chunk: Buffer): void => void socket.end(`echo ${chunk.toString()}`)
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    if (head.length > 0) echo(head)
    else socket.once('data', echo)
    socket.resume()
  })
}

test('a service’s proxy passes every method on to its pods, and to nothing else', async () => {
  const address = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
  // A machine without a network has no address that a pod could have.
  if (address === undefined) return
  const server = echoServer()
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  try {
    const { port } = server.address() as AddressInfo
    const core = '/api/v1/namespaces/default'
    const post = async (path: string, body: object) => {
      expect(await api.send(`${core}/${path}`, { method: 'POST', body })).toMatchObject({ code: 201 })
    }
    await post('pods', { metadata: { name: 'echo' }, spec: { containers: [{ name: 'c', image: 'x' }] } })
    const status = { podIPs: [{ ip: address }], podIP: address }
    const contentType = 'application/merge-patch+json'
    await api.send(`${core}/pods/echo/status`, { method: 'PATCH', contentType, body: { status } })
    for (const name of ['echo', 'trap']) {
      await post('services', { metadata: { name }, spec: { ports: [{ name: 'http', port: 80 }] } })
      const targetRef = { kind: 'Pod', namespace: 'default', name: name === 'echo' ? 'echo' : 'other' }
      const subsets = [{ addresses: [{ ip: address, targetRef }], ports: [{ name: 'http', port }] }]
      await post('endpoints', { metadata: { name }, subsets })
    }
    const proxy = `${core}/services/echo:80/proxy`
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? undefined : 'hello'
      const answer = await api.send(`${proxy}/a%20b?x=1`, { method, contentType: 'text/plain', body })
      expect(answer).toMatchObject({ code: 200, text: `${method} /a%20b?x=1 ${body ?? ''}` })
    }
    const head = await api.send(`${proxy}/a`, { method: 'HEAD' })
    expect(head).toMatchObject({ code: 200, text: '' })
    expect(head.headers['x-method']).toBe('HEAD')
    const moved = await api.send(`${proxy}/moved`)
    expect(moved).toMatchObject({ code: 302 })
    expect(moved.headers.location).toBe(`${proxy}/elsewhere`)
    expect(await api.send(proxy)).toMatchObject({ code: 301 })
    expect((await api.send(`${core}/pods/echo:${port}/proxy/p`)).text).toBe('GET /p ')
    expect(await api.send(`${core}/services/trap:http/proxy/`)).toMatchObject({
      code: 503,
      json: { message: 'no endpoints available for service "trap:http"' },
    })
    const upgraded = await raw(
      `GET ${proxy}/up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping`,
    )
    expect(upgraded).toMatch(/^HTTP\/1.1 101 .*echo ping$/s)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

test('a proxy without a target says what is missing', async () => {
  const core = '/api/v1/namespaces/default'
  const asked: readonly (readonly [string, number, string])[] = [
    [`${core}/services/none/proxy/`, 404, 'services "none" not found'],
    [`${core}/services/ftp:x:80/proxy/`, 400, 'invalid service request "ftp:x:80"'],
    [`${core}/pods/none/proxy/`, 404, 'pods "none" not found'],
    ['/api/v1/nodes/none/proxy/', 404, 'nodes "none" not found'],
  ]
  for (const [path, code, message] of asked) {
    expect(await api.send(path)).toMatchObject({ code, json: { message } })
  }
})

test('streams and logs of a pod check what is asked before they look for its node', async () => {
  const containers = ['a', 'b'].map((name) => ({ name, image: 'x' }))
  const spec = { containers, nodeName: 'ghost', initContainers: [{ name: 'i', image: 'x' }] }
  const path = '/api/v1/namespaces/default/pods'
  await api.send(path, { method: 'POST', body: { metadata: { name: 'lost' }, spec } })
  const ask = async (rest: string): Promise<string> => {
    const { code, json } = await api.send(`${path}/lost/${rest}`)
    return `${code} ${json.message}`
  }
  const choose = '400 a container name must be specified for pod lost, choose one of: [i a b]'
  expect(await ask('log')).toBe(choose)
  expect(await ask('exec?command=a&stdout=1')).toBe(choose)
  expect(await ask('attach?stdout=1')).toBe(choose)
  expect(await ask('log?container=z')).toBe('400 container z is not valid for pod lost')
  expect(await ask('log?container=a')).toBe('404 pods "ghost" not found')
  expect(await ask('portforward?ports=x')).toMatch(/^400 cannot convert to \[\]int32: .*invalid syntax$/)
  expect(await ask('portforward?ports=80')).toBe('404 pods "ghost" not found')
  expect(await ask('log?container=a&stream=Stdout')).toMatch(/^422 .*stream: Forbidden: may not be specified$/)
})

test('documents of OpenAPI come as protobuf to those who ask, and not again to those who have them', async () => {
  const path = '/openapi/v3/version'
  const accept = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf'
  const get = async (headers: string): Promise<string> =>
    await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n\r\n`)
  const answer = await get(`Accept: ${accept}`)
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  expect(answer.toLowerCase()).toContain('content-type: application/com.github.proto-openapi.spec.v3.v1.0+protobuf\r\n')
  expect(answer.toLowerCase()).toContain('vary: accept\r\n')
  const etag = /^etag: (\S+)/im.exec(answer)?.[1] ?? ''
  const index = await raw('GET /openapi/v3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect(index).toContain(`"version":{"serverRelativeURL":"${path}?hash=${etag.slice(1, -1)}"}`)
  expect(await get(`If-None-Match: ${etag}`)).toMatch(/^HTTP\/1\.1 304 /)
  expect(await get('Accept: text/html')).toMatch(/^HTTP\/1\.1 406 /)
})

test('kinds of storage and of devices are answered with what was deleted', async () => {
  const classes = '/apis/storage.k8s.io/v1/storageclasses'
  const body = { kind: 'StorageClass', apiVersion: 'storage.k8s.io/v1', metadata: { name: 'gone' }, provisioner: 'a/b' }
  expect(await api.send(classes, { method: 'POST', body })).toMatchObject({ code: 201 })
  expect((await api.send(`${classes}/gone`, { method: 'DELETE' })).json).toMatchObject({ kind: 'StorageClass' })
})

test('devices for administrators are for labelled namespaces, and statuses of claims for those who may bind them', async () => {
  await api.send('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: 'devices' } } })
  const claims = '/apis/resource.k8s.io/v1/namespaces/devices/resourceclaims'
  const exactly = { deviceClassName: 'x.example.com', adminAccess: true }
  const body = { metadata: { name: 'a' }, spec: { devices: { requests: [{ name: 'a', exactly }] } } }
  const detail =
    'admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace'
  expect(await api.send(claims, { method: 'POST', body })).toMatchObject({
    code: 422,
    json: {
      message: `ResourceClaim.resource.k8s.io "a" is invalid: spec.devices.requests[0].adminAccess: Forbidden: ${detail}`,
    },
  })
  const contentType = 'application/merge-patch+json'
  const label = async (value: string | null): Promise<unknown> =>
    await api.send('/api/v1/namespaces/devices', {
      method: 'PATCH',
      contentType,
      body: { metadata: { labels: { 'resource.kubernetes.io/admin-access': value } } },
    })
  await label('true')
  expect(await api.send(claims, { method: 'POST', body })).toMatchObject({ code: 201 })
  await label(null)
  const result = { request: 'a', driver: 'x.example.com', pool: 'p', device: 'd' }
  const status = (adminAccess: boolean) => ({ allocation: { devices: { results: [{ ...result, adminAccess }] } } })
  const patch = async (client: RawClient, change: object) =>
    await client.send(`${claims}/a/status`, { method: 'PATCH', contentType, body: { status: change } })
  expect((await patch(api, status(true))).json.message).toContain(
    `status.allocation.devices.results[0].adminAccess: Forbidden: ${detail}`,
  )

  const rules = [{ apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/status'], verbs: ['patch'] }]
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  await api.send(`${rbac}/clusterroles`, { method: 'POST', body: { metadata: { name: 'claim-status' }, rules } })
  const apiGroup = 'rbac.authorization.k8s.io'
  const binding = {
    metadata: { name: 'claim-status' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'claim-status' },
    subjects: [{ apiGroup, kind: 'User', name: 'driver' }],
  }
  await api.send(`${rbac}/clusterrolebindings`, { method: 'POST', body: binding })
  const driver = await rawClient(plane, await plane.authority.issue('driver'))
  const cannot = (verb: string, resource: string) =>
    `User "driver" cannot ${verb} resource "${resource}" in API group "resource.k8s.io"`
  expect((await patch(driver, status(false))).json.message).toBe(
    `ResourceClaim.resource.k8s.io "a" is invalid: status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: resourceclaims.resource.k8s.io is forbidden: ${cannot('patch', 'resourceclaims/binding')} at the cluster scope`,
  )
  expect(await patch(api, status(false))).toMatchObject({ code: 200 })
  const devices = { devices: [{ driver: 'x.example.com', pool: 'p', device: 'd' }] }
  expect((await patch(driver, devices)).json.message).toBe(
    `ResourceClaim.resource.k8s.io "a" is invalid: status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:patch]" permission: resourceclaims.resource.k8s.io "x.example.com" is forbidden: ${cannot('arbitrary-node:patch', 'resourceclaims/driver')} in the namespace "devices"`,
  )
  expect(await patch(api, devices)).toMatchObject({ code: 200 })
})
