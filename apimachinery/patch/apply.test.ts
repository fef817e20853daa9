import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../json.ts'
import { decodeObject } from '../schema/decode.ts'
import { compileSchema, structOf } from '../schema/schema.ts'
import { applyConfiguration, updateManagedFields } from './apply.ts'
import { decodeConfiguration } from './apply-config.ts'
import { difference, type FieldSet, intersection, isEmptySet, memberPaths, union } from './field-set.ts'

const schemas = compileSchema({
  Thing: {
    gvk: { group: 'apps', version: 'v1', kind: 'Thing' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 Meta ={}',
      spec: '2 Spec ={}',
      status: '3 Status ={}',
    },
  },
  Meta: {
    fields: {
      name: '1 string',
      namespace: '2 string',
      uid: '3 string',
      resourceVersion: '4 string',
      generation: '5 int64',
      labels: '6 map<string>',
      annotations: '7 map<string>',
      finalizers: '8 []string list=set',
      managedFields: '9 []Entry list=atomic',
    },
  },
  Entry: {
    fields: {
      manager: '1 string',
      operation: '2 string',
      apiVersion: '3 string',
      time: '4 time',
      fieldsType: '5 string',
      fieldsV1: '6 fieldsV1',
      subresource: '7 string',
    },
  },
  Spec: {
    fields: {
      replicas: '1 int32 ptr',
      paused: '2 bool',
      selector: '3 Selector',
      nodes: '4 map<string> map=atomic',
      containers: '5 []Container list=map keys=name =[]',
      args: '6 []string list=atomic',
      strategy: '7 Strategy ={}',
    },
  },
  Selector: { atomic: true, fields: { match: '1 map<string>' } },
  Strategy: { fields: { type: '1 string', surge: '2 intOrString' } },
  Container: {
    fields: {
      name: '1! string =""',
      image: '2 string',
      ports: '3 []Port list=map keys=port,protocol',
      limits: '4 map<quantity>',
    },
  },
  Port: { fields: { port: '1! int32 =0', protocol: '2 string ="TCP"', name: '3 string' } },
  Status: { fields: { ready: '1 int32' } },
})
const struct = structOf(schemas, 'Thing')
const id = { apiVersion: 'apps/v1', kind: 'Thing' }
const base = { struct, apiVersion: 'apps/v1', ignored: ['status'] }

function thing(spec: JsonObject, metadata: JsonObject = { name: 'x', namespace: 'ns' }): JsonObject {
  return decodeObject(schemas, 'Thing', { ...id, metadata, spec }, { fieldValidation: 'Strict' }).object
}
type Options = { live?: JsonObject; manager?: string; force?: boolean; time?: string; metadata?: JsonObject }
function apply(
  spec: JsonObject,
  { live, manager = 'a', force = false, time = 't1', metadata = {} }: Options = {},
): JsonObject {
  const config = decodeConfiguration(struct, { ...id, metadata: { name: 'x', namespace: 'ns', ...metadata }, spec })
  const merged = applyConfiguration({ ...base, ...(live === undefined ? {} : { live }), config, manager, force, time })
  return decodeObject(schemas, 'Thing', merged, { fieldValidation: 'Strict' }).object
}
function update(object: JsonObject, { live, manager = 'u', time = 't1' }: Options = {}): JsonObject {
  return updateManagedFields({ ...base, object, ...(live === undefined ? {} : { live }), manager, time })
}
/** Manager and operation with what they own. */
function owners(object: JsonObject): Record<string, unknown> {
  const metadata = object['metadata'] as JsonObject
  const entries = (metadata['managedFields'] ?? []) as readonly JsonObject[]
  return Object.fromEntries(
    entries.map((e) => [`${String(e['manager'])} ${String(e['operation'])}`, memberPaths(e['fieldsV1'] as FieldSet)]),
  )
}
const spec = (object: JsonObject): unknown => object['spec']
const rest = { containers: [], strategy: {} }

describe('applyConfiguration()', () => {
  test('creates an object owned by its applier, without defaults and server metadata', () => {
    const object = apply(
      { replicas: 1, containers: [{ name: 'c', image: 'i' }] },
      { metadata: { labels: { app: 'x' } } },
    )
    expect(object['metadata']).toEqual({
      name: 'x',
      namespace: 'ns',
      labels: { app: 'x' },
      managedFields: [
        {
          manager: 'a',
          operation: 'Apply',
          apiVersion: 'apps/v1',
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': {
              'f:replicas': {},
              'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:name': {}, 'f:image': {} } },
            },
          },
        },
      ],
    })
  })
  test('is a no-op the second time', () => {
    const config = {
      replicas: 1,
      selector: { match: { a: 'b' } },
      containers: [{ name: 'c', ports: [{ port: 80 }], limits: { cpu: '1000m' } }],
    }
    const live = apply(config)
    expect(apply(config, { live, time: 't2' })).toEqual(live)
  })
  test('removes what the applier no longer applies, with what it left empty', () => {
    const live = apply({ replicas: 1, strategy: { type: 'x' }, containers: [{ name: 'c', image: 'i' }, { name: 'd' }] })
    expect(spec(apply({ replicas: 1, containers: [{ name: 'd' }] }, { live }))).toEqual({
      ...rest,
      replicas: 1,
      containers: [{ name: 'd' }],
    })
  })
  test('never removes the name and what the server has put beside it', () => {
    const live = apply({ replicas: 1 }, { metadata: { labels: { a: 'b' } } })
    const stored = { ...live, metadata: { ...(live['metadata'] as JsonObject), uid: 'u', generation: 3 } }
    const next = apply({}, { live: stored })
    expect(next).toMatchObject({ metadata: { name: 'x', namespace: 'ns', uid: 'u', generation: 3 }, spec: rest })
    expect(next['metadata']).not.toHaveProperty('labels')
    expect(owners(next)).toEqual({ 'a Apply': ['.spec'] })
  })
  test('keeps what another applier also applies', () => {
    const live = apply({ replicas: 1, paused: true }, { manager: 'b', live: apply({ replicas: 1, paused: true }) })
    const next = apply({ replicas: 1 }, { live })
    expect(spec(next)).toMatchObject({ replicas: 1, paused: true })
    expect(owners(next)).toEqual({ 'a Apply': ['.spec.replicas'], 'b Apply': ['.spec.paused', '.spec.replicas'] })
  })
  test('refuses to take another’s field, naming it, unless forced', () => {
    const live = update(thing({ replicas: 3 }), { manager: 'kubectl-client-side-apply' })
    expect(() => apply({ replicas: 5 }, { live })).toThrow(
      expect.objectContaining({
        code: 409,
        reason: 'Conflict',
        message:
          'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
        details: {
          causes: [
            {
              reason: 'FieldManagerConflict',
              message: 'conflict with "kubectl-client-side-apply" using apps/v1',
              field: '.spec.replicas',
            },
          ],
        },
      }),
    )
    const forced = apply({ replicas: 5 }, { live, force: true })
    expect(spec(forced)).toMatchObject({ replicas: 5 })
    expect(owners(forced)).toEqual({ 'a Apply': ['.spec.replicas'] })
  })
  test('lists several conflicts by manager', () => {
    const live = apply({ paused: true, containers: [{ name: 'c', image: 'i' }] }, { manager: 'z' })
    expect(() => apply({ paused: false, containers: [{ name: 'c', image: 'j' }] }, { live })).toThrow(
      'Apply failed with 2 conflicts: conflicts with "z":\n- .spec.containers[name="c"].image\n- .spec.paused',
    )
  })
  test('shares a field when the value is the same', () => {
    const live = update(thing({ replicas: 3 }))
    expect(owners(apply({ replicas: 3 }, { live }))).toEqual({
      'a Apply': ['.spec.replicas'],
      'u Update': ['.spec.replicas'],
    })
  })
  test('gives who applies what is there already no time', () => {
    const time = '2026-01-01T00:00:00Z'
    const live = update(thing({ replicas: 3 }), { time })
    const { metadata } = apply({ replicas: 3 }, { live, time }) as { metadata: { managedFields: JsonObject[] } }
    expect(metadata.managedFields.map((entry) => [entry['manager'], entry['time']])).toEqual([
      ['a', undefined],
      ['u', time],
    ])
  })
  test('holds nulls like any other value', () => {
    const object = apply({}, { metadata: { labels: { a: null } } })
    expect(object).toHaveProperty('metadata.labels', { a: '' })
    expect(owners(object)['a Apply']).toContain('.metadata.labels.a')
    expect(() => apply({}, { live: object, manager: 'b', metadata: { labels: { a: 'x' } } })).toThrow(
      'conflict with "a": .metadata.labels.a',
    )
  })
  test('takes null for a scalar as a change, and for a map or a list as nothing', () => {
    const live = apply({ replicas: 3, containers: [{ name: 'c' }] }, { metadata: { labels: { a: 'b' } } })
    expect(() => apply({ replicas: null }, { live, manager: 'b' })).toThrow('conflict with "a": .spec.replicas')
    const next = apply({ containers: null }, { live, manager: 'b', metadata: { labels: null } })
    expect(next).toMatchObject({ metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c' }] } })
    expect(owners(next)['b Apply']).toEqual(['.metadata.labels', '.spec.containers'])
  })
  test('treats atomic values as one field', () => {
    const live = apply({ selector: { match: { a: '1' } }, nodes: { x: '1' }, args: ['1'] })
    expect(owners(live)).toEqual({ 'a Apply': ['.spec.args', '.spec.nodes', '.spec.selector'] })
    expect(spec(apply({ nodes: { y: '2' }, args: ['2'], selector: { match: { b: '2' } } }, { live }))).toMatchObject({
      nodes: { y: '2' },
      args: ['2'],
      selector: { match: { b: '2' } },
    })
  })
  test('tells ports apart by port and protocol, filling in the default protocol', () => {
    const live = apply({ containers: [{ name: 'c', ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }] }] })
    expect(owners(live)['a Apply']).toContain('.spec.containers[name="c"].ports[port=53,protocol="UDP"].port')
    const next = apply({ containers: [{ name: 'c', ports: [{ port: 53, protocol: 'TCP', name: 'dns' }] }] }, { live })
    expect(spec(next)).toMatchObject({ containers: [{ ports: [{ port: 53, protocol: 'TCP', name: 'dns' }] }] })
  })
  test('leaves fields that nobody applied', () => {
    const live = {
      ...apply({ strategy: { type: 'x' } }),
      spec: { ...rest, strategy: { type: 'x', surge: 1 }, replicas: 1 },
    }
    expect(spec(apply({ replicas: 1 }, { live }))).toEqual({ ...rest, replicas: 1 })
    expect(spec(apply({ strategy: { type: 'x' } }, { live }))).toEqual({
      ...rest,
      strategy: { type: 'x', surge: 1 },
      replicas: 1,
    })
  })
  test('gives an object without owners to before-first-apply', () => {
    const live = thing({ replicas: 3 })
    expect(() => apply({ replicas: 5 }, { live })).toThrow(
      'conflict with "before-first-apply" using apps/v1: .spec.replicas',
    )
    expect(owners(apply({ paused: true }, { live }))).toEqual({
      'a Apply': ['.spec.paused'],
      'before-first-apply Update': ['.spec.replicas'],
    })
  })
  test('lets kubectl take over what client-side apply wrote', () => {
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ ...id, spec: { replicas: 3 } }),
    }
    const live = update(thing({ replicas: 3 }, { name: 'x', annotations }), { manager: 'kubectl-client-side-apply' })
    expect(spec(apply({ replicas: 5 }, { live, manager: 'kubectl' }))).toMatchObject({ replicas: 5 })
    expect(() => apply({ replicas: 5 }, { live, manager: 'other' })).toThrow('conflict')
    // The annotation follows, so that client-side apply finds its way back.
    const next = apply({ replicas: 5 }, { live, manager: 'kubectl' })
    expect((next['metadata'] as JsonObject)['annotations']).toEqual({
      'kubectl.kubernetes.io/last-applied-configuration':
        '{"apiVersion":"apps/v1","kind":"Thing","metadata":{"name":"x","namespace":"ns"},"spec":{"replicas":5}}\n',
    })
    expect(apply({ replicas: 5 }, { live: next, manager: 'kubectl' })).toEqual(next)
  })
  const orders: readonly (readonly [string, string, string])[] = [
    ['abc', 'abc', 'abc'],
    ['ab', 'ba', 'ba'],
    ['abc', 'd', 'abcd'],
    ['abc', 'cd', 'abcd'],
    ['abc', 'ac', 'abc'],
    ['abcd', 'db', 'acdb'],
    ['a', 'ba', 'ba'],
    ['', 'ab', 'ab'],
  ]
  for (const [live, config, want] of orders) {
    test(`merges the list ${live} with ${config} into ${want}`, () => {
      const first = { ...thing({}), metadata: { name: 'x', finalizers: [...live] } }
      const next = apply({}, { live: update(first), metadata: { finalizers: [...config] } })
      expect((next['metadata'] as JsonObject)['finalizers']).toEqual([...want])
    })
  }
  const refused: readonly (readonly [JsonObject, string])[] = [
    [{ foo: 1 }, '.spec.foo: field not declared in schema'],
    [{ replicas: 'x' }, '.spec.replicas: expected numeric (int or float), got string'],
    [
      { containers: [{ name: 'a', image: 5 }] },
      '.spec.containers[name="a"].image: expected string, got &value.valueUnstructured{Value:5}',
    ],
    // The first by name, as upstream has it.
    [{ foo: 1, bar: 2 }, '.spec.bar: field not declared in schema'],
    [
      { foo: 1, containers: [{ name: 'a', image: 5 }] },
      'errors:\n  .spec.containers[name="a"].image: expected string, got &value.valueUnstructured{Value:5}\n  .spec.foo: field not declared in schema',
    ],
  ]
  for (const [config, problem] of refused) {
    test(`refuses: ${problem}`, () => {
      expect(() => apply(config)).toThrow(`failed to create typed patch object (ns/x; apps/v1, Kind=Thing): ${problem}`)
    })
  }
})

describe('updateManagedFields()', () => {
  test('gives a created object to its creator, new containers of fields included', () => {
    const object = update(
      thing({ replicas: 1, containers: [{ name: 'c', ports: [{ port: 80 }] }] }, { name: 'x', labels: { a: 'b' } }),
    )
    expect((object['metadata'] as JsonObject)['managedFields']).toEqual([
      {
        manager: 'u',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: 't1',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:name': {},
                'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } },
              },
            },
          },
        },
      },
    ])
  })
  test('moves changed fields to whoever changed them', () => {
    const live = update(thing({ replicas: 1, paused: true }))
    const next = update({ ...live, spec: { ...rest, replicas: 2, paused: true } }, { live, manager: 'hpa', time: 't2' })
    expect(owners(next)).toEqual({ 'u Update': ['.spec.paused'], 'hpa Update': ['.spec.replicas'] })
  })
  test('returns the same entries when nothing changed', () => {
    const live = update(thing({ replicas: 1 }))
    expect(update({ ...live }, { live, time: 't2' })).toEqual(live)
    const { managedFields: _, ...metadata } = live['metadata'] as JsonObject
    expect(update({ ...live, metadata }, { live, time: 't2' })).toEqual(live)
  })
  test('forgets removed fields', () => {
    const live = update(thing({ replicas: 1, paused: true }))
    expect(owners(update({ ...live, spec: { ...rest, paused: true } }, { live, manager: 'v' }))).toEqual({
      'u Update': ['.spec.paused'],
    })
  })
  test('forgets everything when asked, and does not start again', () => {
    const live = update(thing({ replicas: 1 }))
    const reset = update({ ...live, metadata: { name: 'x', managedFields: [{}] } }, { live })
    expect(owners(reset)).toEqual({})
    expect(owners(update({ ...reset, spec: { ...rest, replicas: 2 } }, { live: reset }))).toEqual({})
  })
  test('forgets everything for an empty list too, but not for one that cannot be read', () => {
    const live = update(thing({ replicas: 1 }))
    const told = (managedFields: JsonObject[]): unknown =>
      owners(update({ ...live, metadata: { name: 'x', managedFields } }, { live }))
    const good = { manager: 'm', operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' }
    expect(told([])).toEqual({})
    for (const change of [{ apiVersion: '' }, { fieldsType: 'FieldsV7' }, { fieldsType: '' }, { operation: 'Frob' }]) {
      expect(told([{ ...good, ...change }])).toEqual(owners(live))
    }
  })
  test('ignores what the endpoint does not write', () => {
    const live = update(thing({ replicas: 1 }))
    expect(update({ ...live, status: { ready: 1 } }, { live, manager: 'v' })['metadata']).toEqual(live['metadata'])
  })
  test('folds more than ten updaters', () => {
    let live = update(thing({ replicas: 1 }))
    for (let i = 0; i < 15; i++) {
      const labels = { ...((live['metadata'] as JsonObject)['labels'] as JsonObject), [`l${i}`]: 'x' }
      live = update(
        { ...live, metadata: { ...(live['metadata'] as JsonObject), labels } },
        { live, manager: `m${i}`, time: `t${String(i).padStart(2, '0')}` },
      )
    }
    expect(Object.keys(owners(live))).toHaveLength(10)
    expect(owners(live)['ancient-changes Update']).toContain('.metadata.labels.l3')
  })
  test('survives items without keys and doubled items', () => {
    const live = thing({ containers: [{ image: 'x' }, { image: 'y' }] })
    expect(owners(update(live))['u Update']).toEqual(['.spec.containers[name=""]'])
  })
})

describe('field sets', () => {
  const sets: fc.Arbitrary<FieldSet> = fc.letrec<{ set: FieldSet; node: FieldSet }>((tie) => ({
    set: fc.dictionary(fc.constantFrom('f:a', 'f:b', 'k:{"n":1}'), tie('node'), { maxKeys: 3 }),
    node: fc.oneof(
      { maxDepth: 3 },
      fc.constant({}),
      fc
        .tuple(tie('set'), fc.boolean())
        .map(([set, member]) => (member && !isEmptySet(set) ? { '.': {}, ...set } : set)),
    ),
  })).set
  const paths = (set: FieldSet): Set<string> => new Set(memberPaths(set))
  test('behave as sets of paths', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(paths(union(a, b))).toEqual(new Set([...paths(a), ...paths(b)]))
        expect(paths(difference(a, b))).toEqual(new Set([...paths(a)].filter((path) => !paths(b).has(path))))
        expect(paths(intersection(a, b))).toEqual(new Set([...paths(a)].filter((path) => paths(b).has(path))))
      }),
    )
  })
})
