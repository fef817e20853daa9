import { expect, test } from 'vitest'
import { internalNames } from '../facts/internal-names.ts'
import { type DefinitionName, definitions } from '../facts/table.ts'
import { internalForm, internalForms } from './internal-form.ts'

test('internalForm() shows Go names in the order of the internal type, with zero values for what is absent', () => {
  expect(JSON.stringify(internalForm('core.v1.ContainerPort', { containerPort: 80, name: 'web' }))).toBe(
    '{"Name":"web","HostPort":0,"ContainerPort":80,"Protocol":"","HostIP":""}',
  )
  expect(internalForm('core.v1.SecretEnvSource', { name: 's' })).toEqual({ Name: 's', Optional: null })
  expect(internalForm('core.v1.VolumeNodeAffinity', undefined)).toBeNull()
})

test('internalForm() fills in structs that are no pointers, and shows lists and maps that are absent as null', () => {
  expect(internalForm('core.v1.PreferredSchedulingTerm', { weight: 1 })).toEqual({
    Weight: 1,
    Preference: { MatchExpressions: null, MatchFields: null },
  })
  expect(internalForm('core.v1.NodeSelector', { nodeSelectorTerms: [] })).toEqual({ NodeSelectorTerms: null })
})

test('internalForm() finds fields that v1 has in the spec of a pod', () => {
  const spec = internalForm('core.v1.PodSpec', { hostNetwork: true, securityContext: { fsGroup: 5 } })
  expect(spec).toMatchObject({ SecurityContext: { HostNetwork: true, HostPID: false, HostUsers: null, FSGroup: 5 } })
})

test('internalForm() shows embedded metadata and types of meta as on the wire, in their order', () => {
  const selector = { matchExpressions: [], matchLabels: { b: '1', a: '2' } }
  const term = internalForm('core.v1.PodAffinityTerm', { topologyKey: 'zone', labelSelector: selector })
  expect(JSON.stringify(term)).toContain('"LabelSelector":{"matchLabels":{"a":"2","b":"1"},"matchExpressions":[]}')
  const template = internalForm('core.v1.PodTemplateSpec', { metadata: { labels: { a: 'b' } }, spec: {} })
  expect(Object.keys(template as object)).toEqual(['labels', 'Spec'])
})

test('internalForms() shows a list, and null for none', () => {
  expect(internalForms('core.v1.HTTPHeader', [{ name: 'a' }])).toEqual([{ Name: 'a', Value: '' }])
  expect(internalForms('core.v1.HTTPHeader', undefined)).toBeNull()
})

// Shown elsewhere, or not at all.
const elsewhere = new Set(['serviceAccount', 'hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'])
const named = internalNames
  .trim()
  .split(/\n(?! )/)
  .map((line) => line.split(':')[0] ?? '')
  .filter((name): name is DefinitionName => name in definitions)

test.each(named)('internalForm() shows every field of %s', (name) => {
  const fields = Object.keys(definitions[name].fields).filter((field) => !elsewhere.has(field))
  const marked = Object.fromEntries(fields.map((field) => [field, `<${field}>`]))
  const metadata = { name: '<metadata>' }
  const shown = JSON.stringify(internalForm(name, { ...marked, ...(fields.includes('metadata') ? { metadata } : {}) }))
  expect(fields.filter((field) => !shown.includes(`<${field}>`))).toEqual([])
})
