/** ServiceAccounts: their tokens, their rights, and what pods get of them. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, collectionAt, expectLater, expectResourceVersion } from './operations.ts'
import { podObject } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
const accountsIn = (namespace: string): Collection =>
  collectionAt(cluster, `/api/v1/namespaces/${namespace}/serviceaccounts`)
const account = (name: string, fields: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name },
  ...fields,
})

test('[sig-auth] ServiceAccounts should allow opting out of API token automount [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const accounts = accountsIn(namespace)
  await accounts.create(account('mount', { automountServiceAccountToken: true }))
  await accounts.create(account('nomount', { automountServiceAccountToken: false }))
  const pods = collectionAt(cluster, `/api/v1/namespaces/${namespace}/pods`)
  const mounts = async (serviceAccountName: string, automount?: boolean): Promise<boolean> => {
    const spec = { serviceAccountName, ...(automount !== undefined && { automountServiceAccountToken: automount }) }
    const pod = await pods.create(podObject(`pod-${serviceAccountName}-${automount}`, {}, spec))
    return pod.spec.containers.every((container: Json) =>
      container.volumeMounts?.some(
        ({ mountPath }: Json) => mountPath === '/var/run/secrets/kubernetes.io/serviceaccount',
      ),
    )
  }
  const seen: Record<string, readonly boolean[]> = {}
  for (const name of ['default', 'mount', 'nomount']) {
    seen[name] = [await mounts(name), await mounts(name, true), await mounts(name, false)]
  }
  // What the pod says comes first, then what the account says, then yes.
  expect(seen).toEqual({ default: [true, true, false], mount: [true, true, false], nomount: [false, true, false] })
})

test('[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const { metadata } = await accountsIn(namespace).create(account('e2e-sa'))
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/e2e-sa/token`
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
  const { status } = await cluster.expectCode(201, path, { method: 'POST', body: request })
  expect(status.token).toMatch(/./)
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: status.token } }
  const reviewed = await cluster.expectCode(201, '/apis/authentication.k8s.io/v1/tokenreviews', {
    method: 'POST',
    body: review,
  })
  expect(reviewed.status).toMatchObject({
    authenticated: true,
    user: { username: `system:serviceaccount:${namespace}:e2e-sa`, uid: metadata.uid },
  })
  expect(reviewed.status.error).toBeUndefined()
})

test('[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const path = `/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`
  const authority = async (uid?: string): Promise<Json> =>
    await eventually('the authority of the cluster', async () => {
      const { code, json } = await cluster.send(path)
      return code === 200 && json.metadata.uid !== uid && json.data['ca.crt'] === cluster.plane().authority.cert && json
    })
  const first = await authority()
  await cluster.expectCode(200, path, { method: 'DELETE', body: { gracePeriodSeconds: 0 } })
  const second = await authority(first.metadata.uid)
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': '' } }
  await cluster.expectCode(200, path, { method: 'PUT', body })
  expect((await authority()).metadata.uid).toBe(second.metadata.uid)
})

test('[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]', async () => {
  const accounts = accountsIn(await cluster.namespace())
  const selector = 'test-serviceaccount-static=true'
  const labels = { 'test-serviceaccount-static': 'true' }
  const created = await accounts.create(account('lifecycle', { metadata: { name: 'lifecycle', labels } }))
  expectResourceVersion(created)
  expect((await accounts.get('lifecycle')).metadata.uid).toBe(created.metadata.uid)
  // Without a revision the watch begins with what is there.
  const watch = await accounts.watch(selector, '')
  expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { metadata: { uid: created.metadata.uid } } })
  const patched = await accounts.patch('lifecycle', { automountServiceAccountToken: false }, 'strategic-merge')
  expect(patched.automountServiceAccountToken).toBe(false)
  expectLater(created, patched)
  expect((await watch.next()).type).toBe('MODIFIED')
  const { items } = await collectionAt(cluster, '/api/v1/serviceaccounts').list(selector)
  expect(items).toEqual([
    expect.objectContaining({
      metadata: expect.objectContaining({ name: 'lifecycle' }),
      automountServiceAccountToken: false,
    }),
  ])
  await accounts.removeAll('')
  expect(await watch.next()).toMatchObject({ type: 'DELETED', object: { metadata: { uid: created.metadata.uid } } })
  watch.close()
})

test('[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]', async () => {
  const accounts = accountsIn(await cluster.namespace())
  await accounts.create(account('updated'))
  const updated = await accounts.replace('updated', (object) => {
    object.automountServiceAccountToken = true
  })
  expect(updated.automountServiceAccountToken).toBe(true)
  expect((await accounts.get('updated')).automountServiceAccountToken).toBe(true)
})

test('[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]', async () => {
  const namespace = await cluster.namespace()
  const { uid } = (await accountsIn(namespace).create(account('e2e'))).metadata
  const user = `system:serviceaccount:${namespace}:e2e`
  const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  const review = async (kind: string, path: string): Promise<boolean> => {
    const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace, version: 'v1' }
    const spec = { resourceAttributes, user, groups, uid }
    const metadata = kind.startsWith('Local') ? { namespace } : {}
    const body = { apiVersion: 'authorization.k8s.io/v1', kind, metadata, spec }
    return (await cluster.expectCode(201, `/apis/authorization.k8s.io/v1${path}`, { method: 'POST', body })).status
      .allowed
  }
  const asAccount = async (): Promise<number> => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`
    const headers = { 'impersonate-user': user, 'impersonate-uid': uid }
    // The rights that this test gives hang on the name; one group is enough to be let in.
    return (await cluster.send(path, { headers: { ...headers, 'impersonate-group': groups[0] ?? '' } })).code
  }
  const expectAnswers = async (allowed: boolean): Promise<void> => {
    await eventually(`allowed: ${allowed}`, async () => (await asAccount()) === (allowed ? 200 : 403))
    expect(await review('SubjectAccessReview', '/subjectaccessreviews')).toBe(allowed)
    const local = `/namespaces/${namespace}/localsubjectaccessreviews`
    expect(await review('LocalSubjectAccessReview', local)).toBe(allowed)
  }
  await expectAnswers(false)
  // Upstream looks at the refusal alone; the answers must follow the rights.
  await collectionAt(cluster, `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`).create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'view' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'e2e', namespace }],
  })
  await expectAnswers(true)
})
