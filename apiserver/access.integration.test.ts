import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { type FakeKubelet, startFakeKubelet } from '../test/fixtures/fake-kubelet.ts'
import { eventually, run } from '../test/fixtures/process.ts'

let plane: TestControlPlane
let kubelet: FakeKubelet
let api: RawClient
const inDefault = '/api/v1/namespaces/default'

beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--kubelet-preferred-address-types=InternalIP'] })
  kubelet = await startFakeKubelet(plane.authority)
  api = await rawClient(plane)
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }
  await post(`${inDefault}/serviceaccounts`, account)
  await post('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
    },
  })
})
afterAll(async () => {
  await kubelet?.close()
  await plane?.close()
})

async function post(path: string, body: object) {
  return await api.send(path, { method: 'POST', body })
}

/** Standard output, or standard error of a failure. */
async function kubectl(config: string, ...args: string[]): Promise<string> {
  try {
    return await run('kubectl', [`--kubeconfig=${config}`, ...args])
  } catch (error) {
    return (error as { readonly stderr: string }).stderr
  }
}

async function admin(...args: string[]): Promise<string> {
  return await kubectl(plane.kubeconfig, ...args)
}

async function makePod(name: string, containers: readonly string[]): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: containers.map((container) => ({ name: container, image: 'x' })) },
  }
  expect((await post(`${inDefault}/pods`, body)).code).toBe(201)
}

async function bind(name: string) {
  const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { kind: 'Node', name: 'node-1' } }
  return await post(`${inDefault}/pods/${name}/binding`, body)
}

describe('RBAC through the real kubectl', () => {
  it('refuses what nobody has granted, in upstream words', async () => {
    const jane = await plane.kubeconfigFor('jane', ['devs'])
    expect(await kubectl(jane, 'get', 'pods')).toContain(
      'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    )
    expect(await kubectl(jane, 'get', 'pods', '--as=bob')).toContain(
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"',
    )
    expect(await kubectl(jane, 'get', '--raw', '/metrics')).toContain(
      'forbidden: User "jane" cannot get path "/metrics"',
    )
  })

  it('allows from the moment a binding is made until it is gone, groups and impersonated users included', async () => {
    const jane = await plane.kubeconfigFor('jane', ['devs'])
    await admin('create', 'rolebinding', 'devs-view', '--clusterrole=view', '--group=devs')
    expect(await kubectl(jane, 'auth', 'can-i', 'list', 'pods')).toBe('yes\n')
    expect(await admin('auth', 'can-i', 'list', 'pods', '--as=bob', '--as-group=devs')).toBe('yes\n')
    expect(await kubectl(jane, 'auth', 'can-i', '--list')).toMatch(/pods +\[\] +\[\] +\[get list watch\]/)
    await admin('delete', 'rolebinding', 'devs-view')
    expect(await admin('auth', 'can-i', 'list', 'pods', '--as=bob', '--as-group=devs')).not.toContain('yes')
  })

  it('does not let an editor of roles grant more than the editor has', async () => {
    const olga = await plane.kubeconfigFor('olga')
    await admin('create', 'rolebinding', 'olga-admin', '--clusterrole=admin', '--user=olga')
    expect(await kubectl(olga, 'create', 'rolebinding', 'x', '--clusterrole=view', '--user=bob')).toContain('created')
    expect(await kubectl(olga, 'create', 'rolebinding', 'y', '--clusterrole=cluster-admin', '--user=olga')).toContain(
      'is attempting to grant RBAC permissions not currently held',
    )
  })

  it('puts default rules back at the next start', async () => {
    await admin('patch', 'clusterrole', 'system:discovery', '--type=merge', '-p', '{"rules":[]}')
    await plane.restart()
    const { json } = await api.send('/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery')
    expect(json.rules[0].nonResourceURLs).toContain('/openapi')
  })
})

describe('service-account tokens', () => {
  it('are good until the account is gone', async () => {
    await admin('create', 'serviceaccount', 'robot')
    const token = (await admin('create', 'token', 'robot')).trim()
    const withToken = [
      '--kubeconfig=/dev/null',
      `--server=${plane.url}`,
      `--certificate-authority=${join(plane.folder, 'ca.crt')}`,
      `--token=${token}`,
    ]
    const whoami = async (): Promise<string> => {
      try {
        return await run('kubectl', [...withToken, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])
      } catch (error) {
        return (error as { readonly stderr: string }).stderr
      }
    }
    expect(await whoami()).toBe('system:serviceaccount:default:robot')
    await admin('delete', 'serviceaccount', 'robot')
    expect(await whoami()).toContain('Unauthorized')
  })

  it('are refused for less than ten minutes', async () => {
    expect(await admin('create', 'token', 'default', '--duration=60s')).toContain(
      'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    )
  })

  it('are reviewed', async () => {
    const token = (await admin('create', 'token', 'default', '--audience=vault')).trim()
    const review = async (audiences: readonly string[]) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } }
      return (await post('/apis/authentication.k8s.io/v1/tokenreviews', body)).json.status
    }
    expect(await review(['vault', 'other'])).toMatchObject({ authenticated: true, audiences: ['vault'] })
    expect(await review(['other'])).toMatchObject({ error: expect.any(String) })
  })
})

describe('anonymous requests', () => {
  it('see health and version only', async () => {
    const anyone = await rawClient(plane, { cert: '', key: '' })
    expect((await anyone.send('/healthz')).text).toBe('ok')
    expect((await anyone.send('/version')).code).toBe(200)
    const refused = await anyone.send(`${inDefault}/pods`)
    expect(refused.code).toBe(403)
    expect(refused.json.message).toContain('User "system:anonymous" cannot list resource "pods"')
    const bad = await anyone.send('/version', { headers: { authorization: 'Bearer bad' } })
    expect(bad.json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    })
  })
})

describe('a node', () => {
  it('reads what its pods use and nothing else', async () => {
    const node = await plane.kubeconfigFor('system:node:node-1', ['system:nodes'])
    await admin('create', 'secret', 'generic', 'used', '--from-literal=a=b')
    await admin('create', 'secret', 'generic', 'unused', '--from-literal=a=b')
    await post(`${inDefault}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'secretive' },
      spec: { containers: [{ name: 'a', image: 'x' }], volumes: [{ name: 's', secret: { secretName: 'used' } }] },
    })
    expect(await kubectl(node, 'get', 'secret', 'used')).toContain('no relationship found between node')
    expect((await bind('secretive')).code).toBe(201)
    expect(await kubectl(node, 'get', 'secret', 'used', '-o', 'name')).toBe('secret/used\n')
    expect(await kubectl(node, 'get', 'secret', 'unused')).toContain(
      "no relationship found between node 'node-1' and this object",
    )
    expect(await kubectl(node, 'get', 'secrets')).toContain('No Object name found')
    expect(await kubectl(node, 'label', 'node', 'node-1', 'node-restriction.kubernetes.io/a=b')).toContain(
      'is not allowed to modify labels: node-restriction.kubernetes.io/a',
    )
    expect(await kubectl(node, 'create', 'token', 'default')).toContain('node requested token not bound to a pod')
  })
})

describe('bindings', () => {
  it('put a pod on a node once', async () => {
    await makePod('bound', ['a'])
    expect((await bind('bound')).json).toMatchObject({ kind: 'Status', status: 'Success', code: 201 })
    const { json } = await api.send(`${inDefault}/pods/bound`)
    expect(json.spec.nodeName).toBe('node-1')
    expect(json.metadata.labels).toEqual({ 'topology.kubernetes.io/zone': 'z1' })
    expect(json.status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }])
    const again = await bind('bound')
    expect(again.code).toBe(409)
    expect(again.json.message).toBe(
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "node-1"',
    )
  })
})

describe('Services that are created at once', () => {
  it('have addresses and node ports of their own', async () => {
    const created = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const spec = {
          type: 'NodePort',
          ports: [
            { name: 'a', port: 80 },
            { name: 'b', port: 81 },
          ],
        }
        const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: `at-once-${index}` }, spec }
        return (await post(`${inDefault}/services`, body)).json.spec
      }),
    )
    expect(new Set(created.map((spec) => spec.clusterIP)).size).toBe(40)
    expect(new Set(created.flatMap((spec) => spec.ports.map((port: { nodePort: number }) => port.nodePort))).size).toBe(
      80,
    )
  })

  it('have an IPAddress each, as long as they are there', async () => {
    const path = '/apis/networking.k8s.io/v1/ipaddresses'
    const { json: service } = await api.send(`${inDefault}/services/at-once-0`)
    const found = await eventually('the IPAddress', async () => {
      const answer = await api.send(`${path}/${service.spec.clusterIP}`)
      return answer.code === 200 && answer.json
    })
    expect(found.spec.parentRef).toEqual({ resource: 'services', namespace: 'default', name: 'at-once-0' })
    await api.send(`${inDefault}/services/at-once-0`, { method: 'DELETE' })
    await eventually('its end', async () => (await api.send(`${path}/${service.spec.clusterIP}`)).code === 404)
  })

  it('get one wished-for node port between them', async () => {
    const answers = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        // Of those that are not given out by chance: the Services above may have any other.
        const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }
        return await post(`${inDefault}/services`, {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: `wish-${name}` },
          spec,
        })
      }),
    )
    expect(answers.map(({ code }) => code).toSorted()).toEqual([201, 422, 422])
  })
})

describe('streams through the kubelet', () => {
  beforeAll(async () => {
    await makePod('web', ['a', 'b'])
  })

  it('are refused before the pod has a node', async () => {
    expect((await api.send(`${inDefault}/pods/web/log?container=a`)).text).toBe('')
    expect((await api.send(`${inDefault}/pods/web/exec?container=a&command=ls`, { method: 'POST' })).json.message).toBe(
      'pod web does not have a host assigned',
    )
    expect((await bind('web')).code).toBe(201)
  })

  it('bring logs, with the API server’s own certificate', async () => {
    expect(await admin('logs', 'web', '-c', 'a', '--tail=3')).toBe('one line\n')
    expect(kubelet.requests.at(-1)).toBe(
      'GET /containerLogs/default/web/a?tailLines=3 by kube-apiserver-kubelet-client',
    )
    expect(await admin('logs', 'web', '-c', 'a', '--follow')).toBe('first\nsecond\n')
    expect(await admin('logs', 'web', '-c', 'a', '--previous')).toContain(
      'Error from server (BadRequest): previous terminated container "a" in pod "web" not found',
    )
    const { json } = await api.send(`${inDefault}/pods/web/log`)
    expect(json.message).toBe('a container name must be specified for pod web, choose one of: [a b]')
  })

  it('send a log over a WebSocket: an empty message, the bytes, and the end', async () => {
    const { cert, key } = await plane.authority.issue('test-admin', ['system:masters'])
    const path = `${inDefault}/pods/web/log?container=a&follow=true`
    const read = async (protocol: string): Promise<readonly string[]> => {
      const tls = { ca: plane.authority.cert, cert, key, origin: 'https://console' }
      const socket = new WebSocket(`wss://127.0.0.1:${plane.port}${path}`, [protocol], tls)
      const messages: string[] = []
      socket.on('message', (data) => messages.push(String(data)))
      await new Promise((resolve, reject) => {
        socket.on('error', reject)
        socket.on('close', resolve)
      })
      expect(socket.protocol).toBe(protocol)
      return messages
    }
    const [first, ...rest] = await read('binary.k8s.io')
    expect([first, rest.join('')]).toEqual(['', 'first\nsecond\n'])
    const encoded = await read('base64.binary.k8s.io')
    expect(encoded.map((piece) => Buffer.from(piece, 'base64').toString()).join('')).toBe('first\nsecond\n')
  })

  it.each(['SPDY/3.1', 'websocket'])('are joined byte for byte after an upgrade to %s', async (protocol) => {
    const { cert, key } = await plane.authority.issue('streamer', ['system:masters'])
    const socket = connect({
      host: '127.0.0.1',
      port: plane.port,
      ca: plane.authority.cert,
      cert,
      key,
      ALPNProtocols: ['http/1.1'],
    })
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    const method = protocol === 'websocket' ? 'GET' : 'POST'
    socket.write(
      `${method} ${inDefault}/pods/web/exec?container=b&command=ls&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    )
    const received = (): Buffer => Buffer.concat(chunks)
    await eventually('the upgrade', () => received().includes('\r\n\r\n'))
    expect(received().toString()).toContain('101 Switching Protocols')
    const payload = Buffer.alloc(300_000, 7)
    socket.write(payload)
    const head = received().indexOf('\r\n\r\n') + 4
    await eventually('the echo', () => received().length >= head + payload.length)
    expect(received().subarray(-payload.length).equals(payload)).toBe(true)
    expect(kubelet.requests.at(-1)).toBe(`UPGRADE ${method} /exec/default/web/b?output=1&command=ls ${protocol}`)
    socket.destroy()
  })

  it('need create on the subresource, also for a WebSocket that begins with GET', async () => {
    const role = ['create', 'role', 'peek', '--verb=get', '--resource=pods/exec']
    await admin(...role)
    await admin('create', 'rolebinding', 'peek', '--role=peek', '--user=peter')
    const { cert, key } = await plane.authority.issue('peter')
    const socket = connect({
      host: '127.0.0.1',
      port: plane.port,
      ca: plane.authority.cert,
      cert,
      key,
      ALPNProtocols: ['http/1.1'],
    })
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    socket.write(
      `GET ${inDefault}/pods/web/exec?container=b&command=ls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    await eventually('the refusal', () => text.includes('"code":403'))
    expect(text).toContain('cannot create resource \\"pods/exec\\"')
    socket.destroy()
  })

  it('are proxied to nodes with any verb', async () => {
    const answer = await api.send('/api/v1/nodes/node-1/proxy/echo?a=b', { method: 'POST', body: '{"x":1}' })
    expect(answer.text).toBe('{"x":1}')
    expect(kubelet.requests.at(-1)).toContain('POST /echo?a=b')
  })

  it('name the kubelet that cannot be reached', async () => {
    const status = { daemonEndpoints: { kubeletEndpoint: { Port: 1 } } }
    await api.send('/api/v1/nodes/node-1/status', {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { status },
    })
    const { json } = await api.send(`${inDefault}/pods/web/log?container=a`)
    expect(json.message).toBe(
      'Get "https://127.0.0.1:1/containerLogs/default/web/a": dial tcp 127.0.0.1:1: connect: connection refused',
    )
  })
})

describe('scale', () => {
  it('is one object for get, update and patch', async () => {
    const file = join(plane.folder, 'deployment.json')
    const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'a', image: 'x' }] } }
    const spec = { replicas: 1, selector: { matchLabels: { app: 'd' } }, template }
    await writeFile(file, JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec }))
    await admin('create', '-f', file)
    expect(await admin('scale', 'deployment/d', '--replicas=4')).toContain('scaled')
    const path = '/apis/apps/v1/namespaces/default/deployments/d'
    expect((await api.send(`${path}/scale`)).json).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 4 },
      status: { selector: 'app=d' },
    })
    expect((await api.send(path)).json.metadata.generation).toBe(2)
    const negative = await api.send(`${path}/scale`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: -1 } },
    })
    expect(negative.json.message).toBe(
      'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    )
  })
})

describe('changes of a part that are made at the same time', () => {
  it('all succeed: who loses the race tries again with the body it has read', async () => {
    const path = '/api/v1/namespaces/default/replicationcontrollers'
    const template = { metadata: { labels: { app: 'r' } }, spec: { containers: [{ name: 'a', image: 'x' }] } }
    await post(path, { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'r' }, spec: { template } })
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((replicas) =>
        api.send(`${path}/r/scale`, {
          method: 'PATCH',
          contentType: 'application/merge-patch+json',
          body: { spec: { replicas } },
        }),
      ),
    )
    expect(answers.map(({ code }) => code)).toEqual([200, 200, 200, 200, 200])
  })
})

describe('parts of a pod', () => {
  const patch = async (path: string, body: object) =>
    await api.send(`${inDefault}/pods/parts/${path}`, {
      method: 'PATCH',
      contentType: 'application/strategic-merge-patch+json',
      body,
    })

  it('are changed through their own paths only', async () => {
    await makePod('parts', ['a'])
    const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] } }
    const added = await patch('ephemeralcontainers', debug)
    expect(added.json.message).toBeUndefined()
    expect(added.json.spec.ephemeralContainers).toMatchObject([{ name: 'debug', terminationMessagePolicy: 'File' }])
    const broken = await patch('ephemeralcontainers', {
      spec: { ephemeralContainers: [{ name: 'Bad Name', image: 'x' }] },
    })
    expect(broken.code).toBe(422)
    const resources = { requests: { cpu: '1' } }
    const resized = await patch('resize', { spec: { containers: [{ name: 'a', resources }] } })
    expect(resized.json.message).toBe(
      'Pod "parts" is invalid: spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
    )
    const image = { name: 'a', image: 'other' }
    expect((await patch('resize', { spec: { containers: [image] } })).json.message).toContain(
      'only cpu and memory resources are mutable',
    )
    await post(`${inDefault}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'sized' },
      spec: { containers: [{ name: 'a', image: 'x', resources }] },
    })
    const more = await api.send(`${inDefault}/pods/sized/resize`, {
      method: 'PATCH',
      contentType: 'application/strategic-merge-patch+json',
      body: { spec: { containers: [{ name: 'a', resources: { requests: { cpu: '2' } } }] } },
    })
    expect(more.json.spec.containers[0].resources).toEqual({ requests: { cpu: '2' } })
    expect(more.json.metadata.generation).toBe(2)
  })
})

describe('evictions', () => {
  it('respect budgets', async () => {
    await makePod('guarded', ['a'])
    const patch = async (path: string, body: object) =>
      await api.send(path, { method: 'PATCH', contentType: 'application/merge-patch+json', body })
    await patch(`${inDefault}/pods/guarded`, { metadata: { labels: { app: 'guarded' } } })
    await patch(`${inDefault}/pods/guarded/status`, {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    })
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
    const selector = { matchLabels: { app: 'guarded' } }
    await post(budgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b' },
      spec: { selector, minAvailable: 1 },
    })
    const evict = async () =>
      await post(`${inDefault}/pods/guarded/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'guarded' },
        deleteOptions: { gracePeriodSeconds: 0 },
      })
    const refused = await evict()
    expect(refused.code).toBe(429)
    expect(refused.json.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.")
    await patch(`${budgets}/b/status`, {
      status: { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
    })
    expect((await evict()).code).toBe(201)
    expect((await api.send(`${inDefault}/pods/guarded`)).code).toBe(404)
    expect((await api.send(`${budgets}/b`)).json.status).toMatchObject({ disruptionsAllowed: 0 })
  })
})
