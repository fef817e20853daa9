import { expect, test } from 'vitest'
import type { Owner } from './revision.ts'
import { findRevision, newRevision } from './revision.ts'

const owner: Owner = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: {
    name: 'agent',
    namespace: 'default',
    uid: 'd',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: {
    template: {
      metadata: { labels: { tier: 'node', app: 'agent' } },
      spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'v1', args: ['b', 'a'], resources: {} }] },
    },
  },
}
const options = { collisionCount: undefined, hashLabel: 'controller-revision-hash' }

test('newRevision() spells the template as Go spells a map, because upstream clients compare the bytes', () => {
  expect(JSON.stringify(newRevision(owner, 1, options).data)).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"agent","tier":"node"}},' +
      '"spec":{"containers":[{"args":["b","a"],"image":"v1","name":"c","resources":{}}],"restartPolicy":"Always"}}}}',
  )
})

test('findRevision() knows a revision by its template, whatever the order of its fields', () => {
  const draft = newRevision(owner, 3, options)
  const { $patch, ...template } = { $patch: 'replace', ...owner.spec.template }
  // As a server that keeps the order of the client returns it.
  const stored = { ...draft, data: { spec: { template: { ...template, $patch } } } } as never
  expect(findRevision(owner, [stored])?.revision).toBe(3)
})
