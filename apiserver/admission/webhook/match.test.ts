import { describe, expect, test } from 'vitest'
import type { ApiObject } from '../../../api/resource.ts'
import { builtinResources } from '../../../api/resources.ts'
import { selectorFromLabelSelector } from '../../../apimachinery/selector/labels.ts'
import type { Lookup } from '../../registry/typed-reader.ts'
import type { AdmissionRequest } from '../admission.ts'
import type { Hook } from './hooks.ts'
import { invocationOf, isExempt, matchesRule } from './match.ts'

function resourceOf(plural: string, version = 'v1') {
  const found = builtinResources.find(({ facts }) => facts.plural === plural && facts.version === version)
  if (found === undefined) throw new Error(plural)
  return found
}

function request(plural: string, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  const user = { name: 'me', groups: [] }
  const base = { operation: 'CREATE', subresource: '', namespace: 'default', name: 'a', user, dryRun: false } as const
  return { ...base, resource: resourceOf(plural), ...more }
}

const all = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'] }

describe('matchesRule()', () => {
  const cases = [
    ['a plain resource', { ...all, resources: ['pods'] }, request('pods'), true],
    ['no subresource of it', { ...all, resources: ['pods'] }, request('pods', { subresource: 'status' }), false],
    ['one subresource', { ...all, resources: ['pods/exec'] }, request('pods', { subresource: 'exec' }), true],
    ['all subresources', { ...all, resources: ['pods/*'] }, request('pods', { subresource: 'log' }), true],
    [
      'all resources without subresources',
      { ...all, resources: ['*'] },
      request('pods', { subresource: 'log' }),
      false,
    ],
    [
      'a subresource of anything',
      { ...all, resources: ['*/scale'] },
      request('deployments', { subresource: 'scale' }),
      true,
    ],
    ['another operation', { ...all, operations: ['DELETE'], resources: ['*'] }, request('pods'), false],
    ['another group', { ...all, apiGroups: ['apps'], resources: ['*'] }, request('pods'), false],
    ['namespaced kinds', { ...all, resources: ['*'], scope: 'Namespaced' }, request('pods'), true],
    ['namespaces, which are in none', { ...all, resources: ['*'], scope: 'Namespaced' }, request('namespaces'), false],
    ['kinds of the cluster', { ...all, resources: ['*'], scope: 'Cluster' }, request('namespaces'), true],
  ] as const
  test.each(cases)('%s', (_, rule, about, want) => {
    expect(matchesRule(rule, about, about.resource)).toBe(want)
  })
})

test('isExempt() keeps webhooks away from what configures them', () => {
  expect(isExempt(request('validatingwebhookconfigurations'))).toBe(true)
  expect(isExempt(request('configmaps'))).toBe(false)
})

describe('invocationOf()', () => {
  const signal = new AbortController().signal
  const namespace = { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'default', labels: { team: 'a' } } }
  const lookup: Lookup = {
    reader: {
      get: (_facts, _namespace, name) => (name === 'default' ? (namespace as unknown as ApiObject) : undefined),
      list: () => [],
      revision: () => 1,
    },
    live: async () => undefined,
  }
  const hook = (webhook: object, selectors: { namespace?: object; object?: object } = {}): Hook => ({
    uid: 'a/b/0',
    configuration: 'a',
    webhook: { name: 'b', rules: [{ ...all, resources: ['*'] }], ...webhook } as unknown as Hook['webhook'],
    namespaceSelector: selectorFromLabelSelector(selectors.namespace ?? {}),
    objectSelector: selectorFromLabelSelector(selectors.object ?? {}),
    conditions: [],
  })
  const options = { lookup, equivalents: () => [resourceOf('horizontalpodautoscalers', 'v1')] }
  const team = (value: string) => ({ matchLabels: { team: value } })

  test('takes the labels of the namespace', async () => {
    const asked = async (value: string) =>
      await invocationOf(hook({}, { namespace: team(value) }), request('pods'), options, signal)
    expect(await asked('a')).toBeDefined()
    expect(await asked('b')).toBeUndefined()
  })
  test('never exempts what is outside of namespaces', async () => {
    const node = request('nodes', { namespace: '' })
    expect(await invocationOf(hook({}, { namespace: team('b') }), node, options, signal)).toBeDefined()
  })
  test('takes a new namespace by its own labels', async () => {
    const object = { ...namespace, metadata: { name: 'new', labels: { team: 'b' } } } as unknown as ApiObject
    const made = request('namespaces', { namespace: '', name: 'new', object })
    expect(await invocationOf(hook({}, { namespace: team('b') }), made, options, signal)).toBeDefined()
  })
  test('fails where the namespace is not known', async () => {
    const lost = request('pods', { namespace: 'nowhere' })
    await expect(invocationOf(hook({}, { namespace: team('a') }), lost, options, signal)).rejects.toThrow(
      'namespaces "nowhere" not found',
    )
  })
  test('takes either state of the object', async () => {
    const labelled = { metadata: { labels: { team: 'a' } } } as unknown as ApiObject
    const bare = { metadata: {} } as unknown as ApiObject
    const asked = async (object: ApiObject, oldObject: ApiObject) =>
      await invocationOf(hook({}, { object: team('a') }), request('pods', { object, oldObject }), options, signal)
    expect(await asked(bare, labelled)).toBeDefined()
    expect(await asked(labelled, bare)).toBeDefined()
    expect(await asked(bare, bare)).toBeUndefined()
  })
  test('falls back on an equivalent version, unless the match is exact', async () => {
    const sent = request('horizontalpodautoscalers', { resource: resourceOf('horizontalpodautoscalers', 'v2') })
    const rules = [{ ...all, apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] }]
    expect((await invocationOf(hook({ rules }), sent, options, signal))?.facts.version).toBe('v1')
    expect(await invocationOf(hook({ rules, matchPolicy: 'Exact' }), sent, options, signal)).toBeUndefined()
  })
})
