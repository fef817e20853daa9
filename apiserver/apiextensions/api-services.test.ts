import { expect, test } from 'vitest'
import type { CustomResourceDefinition } from '../../api/apiextensions/v1.ts'
import type { APIService } from '../../api/apiregistration/v1.ts'
import { planApiServices } from './api-services.ts'

function definition(versions: Readonly<Record<string, boolean>>): CustomResourceDefinition {
  const list = Object.entries(versions).map(([name, served]) => ({ name, served, storage: name === 'v1' }))
  return { spec: { group: 'example.com', versions: list } } as unknown as CustomResourceDefinition
}

function service(version: string, managed: string | undefined, versionPriority = 100): APIService {
  const labels = managed === undefined ? {} : { 'kube-aggregator.kubernetes.io/automanaged': managed }
  return {
    metadata: { name: `${version}.example.com`, uid: version, labels },
    spec: { group: 'example.com', version, groupPriorityMinimum: 1000, versionPriority },
  } as unknown as APIService
}

test('planApiServices makes one for every served version', () => {
  expect(planApiServices([definition({ v1: true, v2: false })], [])).toEqual([
    {
      type: 'create',
      name: 'v1.example.com',
      spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 },
    },
  ])
})
test('planApiServices changes nothing when all is as it should be', () => {
  expect(planApiServices([definition({ v1: true })], [service('v1', 'true')])).toEqual([])
})
test('planApiServices mends its own and leaves those of others alone', () => {
  const wanted = definition({ v1: true })
  expect(planApiServices([wanted], [service('v1', 'true', 1)]).map(({ type }) => type)).toEqual(['update'])
  expect(planApiServices([wanted], [service('v1', undefined, 1)])).toEqual([])
})
test('planApiServices removes its own when no definition serves the version, and no built-in one', () => {
  const present = [service('v1', 'true'), service('v2', 'onstart'), service('v3', undefined)]
  expect(planApiServices([], present)).toEqual([{ type: 'delete', name: 'v1.example.com', uid: 'v1' }])
})
