import { describe, expect, test } from 'vitest'
import { createPolicyCompiler, resultTypes } from '../../../api/admissionregistration/cel/compiler.ts'
import { definitions } from '../../../api/facts/table.ts'
import type { JsonObject } from '../../../apimachinery/json.ts'
import { compileSchema, structOf } from '../../../apimachinery/schema/schema.ts'
import { applyConfiguration, applyOperations } from './apply-mutation.ts'

const pod = structOf(compileSchema(definitions), 'core.v1.Pod')
const optional = { params: false, authorizer: true, patches: true }

function celValueOf(source: string, kind: 'applyConfiguration' | 'jsonPatch') {
  const { program, problem } = createPolicyCompiler().compile(source, resultTypes[kind], optional)
  if (program === undefined) throw new Error(problem)
  return program.evaluate({}).value
}

const stored: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x', labels: { a: 'b' } },
  spec: { containers: [{ name: 'a', image: 'one', args: ['x'] }] },
}
const apply = (source: string) => applyConfiguration(pod, stored, celValueOf(source, 'applyConfiguration'))
const patch = (source: string) => applyOperations(stored, celValueOf(source, 'jsonPatch'))

describe('applyConfiguration()', () => {
  test('merges lists by their keys and maps by their entries', () => {
    const source = `Object{metadata: Object.metadata{labels: {'c': 'd'}}, spec: Object.spec{containers: [
      Object.spec.containers{name: 'a', image: 'two'}, Object.spec.containers{name: 'b', image: 'three'}]}}`
    expect(apply(source)).toMatchObject({
      metadata: { name: 'x', labels: { a: 'b', c: 'd' } },
      spec: {
        containers: [
          { name: 'a', image: 'two', args: ['x'] },
          { name: 'b', image: 'three' },
        ],
      },
    })
  })
  test.each([
    [
      "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', args: ['y']}], nodeSelector: {'a': 'b'}}}",
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args, .spec.nodeSelector',
    ],
    [
      'Object{spec: Object.status{}}',
      'type mismatch: unexpected type name "Object.status", expected "Object.spec", which matches field name path from root Object type',
    ],
    [
      'Object{nope: 1}',
      'error applying patch: failed to convert patch object to typed object: .nope: field not declared in schema',
    ],
    ["Object{metadata: Object.metadata{labels: {1: 'x'}}}", 'invalid return type: *dynamic.ObjectVal'],
  ])('refuses %s', (source, message) => expect(() => apply(source)).toThrow(message))
})

describe('applyOperations()', () => {
  test('applies them in turn', () => {
    const source = `[JSONPatch{op: 'test', path: '/metadata/name', value: 'x'},
      JSONPatch{op: 'add', path: '/spec/containers/-', value: Object.spec.containers{name: 'b', image: 'two'}},
      JSONPatch{op: 'copy', from: '/metadata/labels/a', path: '/metadata/labels/c'}]`
    expect(patch(source)).toMatchObject({
      metadata: { labels: { a: 'b', c: 'b' } },
      spec: { containers: [{ name: 'a' }, { name: 'b', image: 'two' }] },
    })
  })
  test('leaves the object as it is when a test fails', () => {
    const source =
      "[JSONPatch{op: 'remove', path: '/metadata/labels'}, JSONPatch{op: 'test', path: '/kind', value: 'X'}]"
    expect(patch(source)).toBe(stored)
  })
  test('refuses what does not fit', () => {
    expect(() => patch("[JSONPatch{op: 'remove', path: '/nope/x'}]")).toThrow(
      /^JSON Patch: (remove operation does not apply: doc is missing path: "\/nope\/x"|error in remove).*missing/,
    )
  })
})
