/** What the API refuses, in upstream's words, and that nothing of it is stored. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Kubectl, shellImage, testNamespace } from './cluster.ts'

let k: Kubectl
let remove: () => Promise<void>

beforeAll(async () => {
  const space = await testNamespace('e2e-bad-input')
  k = space.kubectl
  remove = space.remove
})
afterAll(async () => await remove())

function deployment(spec: unknown): string {
  return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'bad' }, spec })
}
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: shellImage }] } }
const selector = { matchLabels: { app: 'x' } }

const table = [
  {
    name: 'an unknown field under --validate=strict',
    args: ['create', '--validate=strict', '-f', '-'],
    input: deployment({ selector, template, replica: 3 }),
    want: /strict decoding error: unknown field "spec.replica"/,
  },
  {
    name: 'a wrong type',
    args: ['create', '--validate=false', '-f', '-'],
    input: deployment({ selector, template, replicas: 'three' }),
    want: /Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/,
  },
  {
    name: 'a selector that does not match',
    args: ['create', '-f', '-'],
    input: deployment({ selector: { matchLabels: { app: 'y' } }, template }),
    want: /The Deployment "bad" is invalid: spec\.template\.metadata\.labels: Invalid value: \{"app":"x"\}: `selector` does not match template `labels`/,
  },
  {
    name: 'a name that is none',
    args: ['create', 'configmap', 'Bad_Name'],
    input: '',
    want: /metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of/,
  },
  {
    name: 'a missing namespace',
    args: ['create', 'configmap', 'x', '--namespace=absent'],
    input: '',
    want: /namespaces "absent" not found/,
  },
  {
    name: 'a missing permission',
    args: ['get', 'pods', '--as=nobody'],
    input: '',
    want: /Error from server \(Forbidden\): pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "e2e-bad-input"/,
  },
  {
    name: 'an unknown kind',
    args: ['create', '--validate=false', '-f', '-'],
    input: JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deploymint', metadata: { name: 'bad' } }),
    want: /no matches for kind "Deploymint" in version "apps\/v1"/,
  },
  {
    name: 'a manifest that is no YAML',
    args: ['create', '-f', '-'],
    input: 'a: [1, 2',
    want: /error/,
  },
] as const

for (const { name, args, input, want } of table) {
  test(`refuses ${name}`, async () => {
    expect(await k.fail(args, input)).toMatch(want)
    expect(await k.run(['get', 'deployments,configmaps', '-o', 'name'])).toBe('configmap/kube-root-ca.crt\n')
  })
}

test('refuses what exists already', async () => {
  await k.run(['create', 'secret', 'generic', 'there'])
  expect(await k.fail(['create', 'secret', 'generic', 'there'])).toContain('secrets "there" already exists')
})

test('refuses a write with an old resource version', async () => {
  await k.run(['create', 'secret', 'generic', 'changed'])
  const old = await k.run(['get', 'secret', 'changed', '-o', 'json'])
  await k.run(['label', 'secret', 'changed', 'a=b'])
  const failure = await k.fail(['replace', '-f', '-'], old)
  expect(failure).toContain(
    'the object has been modified; please apply your changes to the latest version and try again',
  )
})

test('refuses a body that is too large', async () => {
  const manifest = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'big' },
    data: { a: 'x'.repeat(4_000_000) },
  }
  const failure = await k.fail(['create', '--validate=false', '-f', '-'], JSON.stringify(manifest))
  expect(failure).toMatch(/Request entity too large: limit is 3145728|etcdserver: request is too large/)
})
