import { expect, test } from 'vitest'
import type { ResourceQuota } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { kindOf, kindsOf, quotaStatus } from './plan.ts'

const quota = (hard: Readonly<Record<string, string>>, scopes?: readonly string[]): ResourceQuota =>
  ({ metadata: { name: 'q' }, spec: { hard, ...(scopes === undefined ? {} : { scopes }) } }) as unknown as ResourceQuota

const pod = (cpu: string, rest: object = {}): ApiObject =>
  ({
    metadata: {},
    spec: { containers: [{ name: 'c', resources: { requests: { cpu }, limits: { cpu } } }], ...rest },
    status: { phase: 'Running' },
  }) as unknown as ApiObject

test.each([
  ['pods', '', 'pods'],
  ['requests.cpu', '', 'pods'],
  ['limits.example.com/gpu', '', 'pods'],
  ['services.nodeports', '', 'services'],
  ['requests.storage', '', 'persistentvolumeclaims'],
  ['gold.storageclass.storage.k8s.io/requests.storage', '', 'persistentvolumeclaims'],
  ['configmaps', '', 'configmaps'],
  ['count/secrets', '', 'secrets'],
  ['count/deployments.apps', 'apps', 'deployments'],
  ['count/crontabs.stable.example.com', 'stable.example.com', 'crontabs'],
])('kindOf() %s', (name, group, plural) => {
  expect(kindOf(name)).toEqual({ group, plural })
})

test('kindsOf() names each kind once', () => {
  expect(kindsOf(quota({ pods: '1', cpu: '1', services: '2' }))).toHaveLength(2)
})

test('quotaStatus() sums what the quota limits, and says zero of the rest', () => {
  const counted = [{ kind: { group: '', plural: 'pods' }, objects: [pod('100m'), pod('1')] }]
  const hard = { pods: '10', 'requests.cpu': '2', memory: '1Gi' }
  expect(quotaStatus(quota(hard), counted)).toEqual({ hard, used: { pods: '2', 'requests.cpu': '1100m', memory: '0' } })
})

test('quotaStatus() counts only what is in scope', () => {
  const counted = [{ kind: { group: '', plural: 'pods' }, objects: [pod('1'), pod('1', { activeDeadlineSeconds: 5 })] }]
  expect(quotaStatus(quota({ pods: '5' }, ['Terminating']), counted).used).toEqual({ pods: '1' })
})
