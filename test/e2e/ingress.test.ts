/** From outside into the cluster: Services of type LoadBalancer, and the café of every Ingress tutorial. */
import { writeFile } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import type { Ingress } from '../../api/networking/v1.ts'
import { systemClock } from '../../component-base/clock.ts'
import { run } from '../../component-base/exec.ts'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import {
  eventually,
  type Kubectl,
  nodeNames,
  onNode,
  programPids,
  testNamespace,
  webImage,
  withFolder,
} from './cluster.ts'

let kubectl: Kubectl
let remove: () => Promise<void>
/** Where the cluster's Ingresses are reached. */
let address: string
const host = 'cafe.example.com'

type Answer = { readonly status: number; readonly text: string; readonly certificate: string }

async function ask(
  to: string,
  path: string,
  options: { readonly isSecure?: boolean; readonly host?: string } = {},
): Promise<Answer> {
  const { isSecure = false, host: name = host } = options
  return await new Promise((resolve, reject) => {
    const where = { host: to, port: isSecure ? 443 : 80, path, agent: false, headers: { host: name }, timeout: 10_000 }
    const message = isSecure
      ? requestHttps({ ...where, servername: name, rejectUnauthorized: false })
      : requestHttp(where)
    message.once('timeout', () => message.destroy(new Error(`no answer from ${to}`)))
    message.once('error', reject)
    message.once('response', (response) => {
      const certificate = isSecure ? String((response.socket as TLSSocket).getPeerCertificate().subject.CN) : ''
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: text.trim(), certificate }))
      response.once('error', reject)
    })
    message.end()
  })
}

async function untilStatus(path: string, status: number): Promise<void> {
  await eventually(async () => (await ask(address, path)).status === status)
}

/** Two pods that serve one file: the drink and their own name. */
async function serve(drink: string): Promise<void> {
  const script = `mkdir -p /tmp/menu && echo "${drink} $(hostname)" > /tmp/menu/${drink} && exec busybox httpd -f -p 8080 -h /tmp/menu`
  await kubectl.run(['create', 'deployment', drink, `--image=${webImage}`, '--replicas=2', '--', 'sh', '-c', script])
  await kubectl.run(['expose', 'deployment', drink, `--name=${drink}-svc`, '--port=80', '--target-port=8080'])
}

async function addressOf(service: string, namespace = 'e2e-ingress'): Promise<string | undefined> {
  const { status } = await kubectl.json<Service>(['get', 'service', service, '--namespace', namespace])
  return status.loadBalancer?.ingress?.[0]?.ip
}

beforeAll(async () => {
  const space = await testNamespace('e2e-ingress')
  kubectl = space.kubectl
  remove = space.remove
  await Promise.all([serve('tea'), serve('coffee')])
  address = await eventually(async () => await addressOf('ingress', 'kube-system'))
  for (const drink of ['tea', 'coffee'])
    await kubectl.run(['rollout', 'status', `deployment/${drink}`, '--timeout=60s'])
})

afterAll(async () => await remove())

test('a Service of type LoadBalancer gets an address that answers from outside', async () => {
  await kubectl.run([
    'expose',
    'deployment',
    'tea',
    '--name=tea-lb',
    '--port=80',
    '--target-port=8080',
    '--type=LoadBalancer',
  ])
  const found = await eventually(async () => await addressOf('tea-lb'))
  expect(found).toMatch(/^172\.31\.240\.2\d\d$/)
  const answers = new Set<string>()
  await eventually(async () => {
    const { text } = await ask(found, '/tea')
    answers.add(text)
    return answers.size === 2
  })
  for (const answer of answers) expect(answer).toMatch(/^tea tea-/)
  await eventually(async () => {
    const events = await kubectl.run(['get', 'events', '--field-selector=involvedObject.name=tea-lb'])
    return ['EnsuringLoadBalancer', 'EnsuredLoadBalancer', 'nodeAssigned'].every((reason) => events.includes(reason))
  })
})

test('the address moves to the other node when its speaker falls silent', async () => {
  const found = (await addressOf('tea-lb')) ?? ''
  const macs = new Map<string, string>()
  for (const node of nodeNames) macs.set((await onNode(node, 'cat', '/sys/class/net/eth0/address')).trim(), node)
  const holder = async (): Promise<string | undefined> => {
    await ask(found, '/tea')
    const [entry] = JSON.parse((await run('ip', ['-j', 'neigh', 'show', 'to', found])).stdout)
    return macs.get(entry?.lladdr ?? '')
  }
  const before = await eventually(holder)
  const pid = (await programPids()).get(`${before}/service-lb`)
  if (pid === undefined) throw new Error(`service-lb does not run on ${before}`)
  process.kill(pid, 'SIGSTOP')
  try {
    await eventually(async () => (await holder()) !== before)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await eventually(async () => (await holder()) === before)
})

test('with externalTrafficPolicy Local the address still answers, and is given back at the end', async () => {
  const patch = JSON.stringify({ spec: { externalTrafficPolicy: 'Local' } })
  await kubectl.run(['patch', 'service', 'tea-lb', '--patch', patch])
  const found = (await addressOf('tea-lb')) ?? ''
  await eventually(async () => (await ask(found, '/tea')).status === 200)
  await kubectl.run(['delete', 'service', 'tea-lb', '--wait=true', '--timeout=60s'])
  await eventually(
    async () =>
      await ask(found, '/tea').then(
        () => false,
        () => true,
      ),
  )
})

test('the café: TLS from its Secret, tea and coffee by path', async () => {
  await withFolder(async (folder) => {
    const { cert, key } = await selfSignedKeyPair('the café', [host], systemClock.now())
    await writeFile(`${folder}/tls.crt`, cert)
    await writeFile(`${folder}/tls.key`, key)
    const files = [`--cert=${folder}/tls.crt`, `--key=${folder}/tls.key`]
    await kubectl.run(['create', 'secret', 'tls', 'cafe-secret', ...files])
  })
  const rules = ['tea', 'coffee'].map((drink) => `--rule=${host}/${drink}*=${drink}-svc:80,tls=cafe-secret`)
  await kubectl.run(['create', 'ingress', 'cafe-ingress', ...rules])
  await untilStatus('/tea', 200)
  await eventually(async () => (await ask(address, '/tea', { isSecure: true })).certificate === 'the café')
  for (const drink of ['tea', 'coffee']) {
    const names = new Set<string>()
    for (let count = 0; count < 4; count++) {
      const answer = await ask(address, `/${drink}`, { isSecure: true })
      expect(answer).toMatchObject({ status: 200, certificate: 'the café' })
      names.add(answer.text)
    }
    expect(names.size).toBe(2)
    for (const name of names) expect(name).toMatch(new RegExp(`^${drink} ${drink}-`))
  }
  expect(await ask(address, '/water')).toMatchObject({ status: 404, text: 'default backend - 404' })
  expect(await ask(address, '/tea', { host: 'other.example.com' })).toMatchObject({ status: 404 })
  expect((await ask(address, '/tea', { isSecure: true, host: 'other.example.com' })).certificate).not.toBe('the café')
})

test('kubectl shows class, hosts and address of the Ingress', async () => {
  await eventually(async () => {
    const { status } = await kubectl.json<Ingress>(['get', 'ingress', 'cafe-ingress'])
    return status.loadBalancer?.ingress?.[0]?.ip === address
  })
  const [head = '', row = ''] = (await kubectl.run(['get', 'ingress'])).trim().split('\n')
  expect(head.split(/\s+/)).toEqual(['NAME', 'CLASS', 'HOSTS', 'ADDRESS', 'PORTS', 'AGE'])
  expect(row.split(/\s+/).slice(0, 4)).toEqual(['cafe-ingress', 'kubets', host, address])
})

test('browsers get HTTP/2', async () => {
  const session = connectHttp2(`https://${address}`, { servername: host, rejectUnauthorized: false })
  try {
    const text = await new Promise<string>((resolve, reject) => {
      session.once('error', reject)
      const stream = session.request({ ':path': '/coffee', ':authority': host })
      let body = ''
      stream.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      stream.once('error', reject)
      stream.once('end', () => resolve(body))
    })
    expect(text).toMatch(/^coffee coffee-/)
  } finally {
    session.close()
  }
})

test('the routes follow the object: a path that goes is a 404 soon, and a Service without pods a 503', async () => {
  const patch = JSON.stringify([{ op: 'remove', path: '/spec/rules/0/http/paths/1' }])
  await kubectl.run(['patch', 'ingress', 'cafe-ingress', '--type=json', '--patch', patch])
  await untilStatus('/coffee', 404)
  expect((await ask(address, '/tea')).status).toBe(200)
  await kubectl.run(['scale', 'deployment', 'tea', '--replicas=0'])
  // Until they are gone they still serve, and are still asked.
  await kubectl.run(['delete', 'pods', '-l', 'app=tea', '--grace-period=0', '--force', '--wait=false'])
  await untilStatus('/tea', 503)
})

test('an address is no host of an Ingress', async () => {
  const error = await kubectl.fail(['create', 'ingress', 'wrong', '--rule=192.0.2.1/tea*=tea-svc:80'])
  expect(error).toContain('must be a DNS name, not an IP address')
})
