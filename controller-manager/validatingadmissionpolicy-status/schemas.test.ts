import { expect, test } from 'vitest'
import type { ValidatingAdmissionPolicy } from '../../api/admissionregistration/v1.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { plan } from './plan.ts'
import { namedResources, resolved, typedKinds } from './schemas.ts'

test('namedResources() leaves out what is not named', () => {
  const rule = { apiGroups: ['b', 'a'], apiVersions: ['v1'], resources: ['pods', 'pods/status', '*'] }
  expect(namedResources(rule)).toEqual([
    { group: 'a', version: 'v1', resource: 'pods' },
    { group: 'b', version: 'v1', resource: 'pods' },
  ])
  expect(namedResources({ ...rule, apiGroups: ['*'] })).toEqual([])
})

test('resolved() puts schemas in the place of references, and ends where they meet themselves', () => {
  const ref = (name: string) => ({ allOf: [{ $ref: `#/components/schemas/${name}` }], default: {} })
  const schemas = {
    Tree: { type: 'object', properties: { left: ref('Tree'), value: ref('Value') } },
    Value: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  }
  expect(resolved(schemas, ref('Tree'), new Set())).toEqual({
    type: 'object',
    properties: {
      left: { type: 'object' },
      value: { ...schemas.Value, 'x-kubernetes-int-or-string': true },
    },
  })
})

test('typedKinds() asks the server for names and schemas', async () => {
  const documents: Record<string, JsonObject> = {
    '/apis/apps/v1': { resources: [{ name: 'deployments', singularName: 'deployment', kind: 'Deployment' }] },
    '/openapi/v3/apis/apps/v1': {
      components: {
        schemas: {
          Deployment: {
            type: 'object',
            'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'Deployment' }],
            properties: { spec: { type: 'object', properties: { replicas: { type: 'integer' } } } },
          },
        },
      },
    },
  }
  const resourceRules = [{ apiGroups: ['apps'], apiVersions: ['v1', 'v2'], resources: ['deployments', 'nothing'] }]
  const policy = { spec: { matchConstraints: { resourceRules } } } as unknown as ValidatingAdmissionPolicy
  const kinds = await typedKinds(policy, async (path) => documents[path])
  expect(kinds.map(({ kind, type }) => [kind, type.fields?.get('spec')?.fields?.get('replicas')?.kind])).toEqual([
    ['Deployment', 'int'],
  ])
})

test('plan() checks each generation once', () => {
  const policy = (generation: number, observedGeneration?: number) =>
    ({ metadata: { generation }, status: { observedGeneration } }) as unknown as ValidatingAdmissionPolicy
  expect(plan(policy(1)).actions).toHaveLength(1)
  expect(plan(policy(2, 1)).actions).toHaveLength(1)
  expect(plan(policy(2, 2)).actions).toEqual([])
})
