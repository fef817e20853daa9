import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { operationName } from '../metrics.ts'
import { logsToRemove } from '../pod/log-rotation.ts'
import { countResult, initialCount, type ProbeResult } from '../probes/threshold.ts'
import { criCalls, criEnums, criMessages } from './cri-facts.ts'
import { changedPods } from './pleg.ts'
import type { RuntimePodSummary } from './runtime-pod.ts'

const factsFile = join(import.meta.dirname, '../../../shared/kubernetes/cri-protobuf.json')
type Facts = Record<string, { kind: string; fields: Record<string, unknown> }>

test.skipIf(!existsSync(factsFile))('criMessages, criEnums and criCalls agree with the facts of the wire', () => {
  const facts: Facts = JSON.parse(readFileSync(factsFile, 'utf8'))
  const camel = (name: string) =>
    name.replace('CDI_', 'cdi_').replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  for (const [name, fields] of Object.entries(criMessages)) {
    const known = Object.entries(facts[`runtime.v1.${name}`]?.fields ?? {}) as [string, [number, string, string]][]
    const texts = new Map(
      known.map(([field, [number, type, repeated]]) => [
        camel(field),
        `${number} ${type.startsWith('map<') ? 'map<string>' : (repeated === 'repeated' ? '[]' : '') + type}`,
      ]),
    )
    for (const [field, spec] of Object.entries(fields))
      expect(`${name}.${field}: ${texts.get(field)}`).toBe(`${name}.${field}: ${spec}`)
  }
  for (const [name, values] of Object.entries(criEnums)) {
    const found = facts[`runtime.v1.${name}`] ?? facts[`runtime.v1.SecurityProfile.${name}`]
    expect({ name, values: found?.fields }).toEqual({ name, values })
  }
  for (const [name, { service, request, response }] of Object.entries(criCalls)) {
    const call = facts[`runtime.v1.${service}`]?.fields[name]
    expect(call).toEqual([request, false, response, name === 'GetContainerEvents'])
  }
})

test('changedPods() names pods that came, went or changed', () => {
  const summary = (uid: string, states: Record<string, string>): RuntimePodSummary => ({
    uid,
    name: uid,
    namespace: 'default',
    states: new Map(Object.entries(states)),
  })
  const before = new Map([
    ['same', summary('same', { a: 'RUNNING' })],
    ['gone', summary('gone', {})],
    ['changed', summary('changed', { a: 'RUNNING' })],
    ['more', summary('more', { a: 'RUNNING' })],
  ])
  const now = new Map([
    ['same', summary('same', { a: 'RUNNING' })],
    ['changed', summary('changed', { a: 'EXITED' })],
    ['more', summary('more', { a: 'RUNNING', b: 'RUNNING' })],
    ['new', summary('new', {})],
  ])
  expect(changedPods(before, now)).toEqual(['gone', 'changed', 'more', 'new'])
})

const probe = { successThreshold: 2, failureThreshold: 3 }
const sequences: readonly { results: readonly ProbeResult[]; want: string }[] = [
  { results: [], want: 'unknown' },
  { results: ['success'], want: 'unknown' },
  { results: ['success', 'success'], want: 'success' },
  { results: ['success', 'warning'], want: 'success' },
  { results: ['success', 'success', 'failure', 'failure'], want: 'success' },
  { results: ['success', 'success', 'failure', 'failure', 'failure'], want: 'failure' },
  { results: ['success', 'success', 'failure', 'failure', 'success', 'failure'], want: 'success' },
  { results: ['failure', 'failure', 'unknown', 'failure'], want: 'failure' },
]
for (const { results, want } of sequences) {
  test(`countResult() comes to ${want} after ${results.join(', ') || 'nothing'}`, () => {
    expect(results.reduce((counted, result) => countResult(counted, result, probe), initialCount).verdict).toBe(want)
  })
}

test('logsToRemove() keeps the newest and drops what a crash left half done', () => {
  const rotated = [
    '0.log.20260101-000000.gz',
    '0.log.20260102-000000.gz',
    '0.log.20260103-000000',
    '0.log.20260101-000000.tmp',
  ]
  expect(logsToRemove(rotated, 3)).toEqual([
    '0.log.20260101-000000.tmp',
    '0.log.20260101-000000.gz',
    '0.log.20260102-000000.gz',
  ])
  expect(logsToRemove(rotated.slice(0, 3), 5)).toEqual([])
})

test('operationName() is upstream name of an operation', () => {
  expect(['RunPodSandbox', 'ContainerStatus', 'ListImages', 'ExecSync'].map(operationName)).toEqual([
    'run_podsandbox',
    'container_status',
    'list_images',
    'exec_sync',
  ])
})
