import { describe, expect, test } from 'vitest'
import type { Resource } from '../../api/resource.ts'
import { builtinResources } from '../../api/resources.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { parseListOptions, parseListRevision, parseResourceVersion } from './read-options.ts'

function resource(plural: string): Resource {
  const found = builtinResources.find(({ facts }) => facts.plural === plural)
  if (found === undefined) throw new Error(`no ${plural}`)
  return found
}

function refusal(run: () => unknown): readonly [number, string] {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return [error.code, error.message]
    throw error
  }
  return [200, '']
}

function options(
  query: string,
  isWatch = false,
  plural = 'configmaps',
  name = '',
): ReturnType<typeof parseListOptions> {
  return parseListOptions(resource(plural), new URLSearchParams(query), isWatch, name)
}

const invalid = 'ListOptions.meta.k8s.io "" is invalid: '
const match = 'resourceVersionMatch: '
const list: readonly (readonly [string, number, string])[] = [
  ['', 200, ''],
  ['resourceVersion=5&resourceVersionMatch=Exact&limit=2', 200, ''],
  [
    'resourceVersionMatch=Exact',
    422,
    `${invalid}${match}Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided`,
  ],
  [
    'resourceVersion=0&resourceVersionMatch=Exact',
    422,
    `${invalid}${match}Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`,
  ],
  [
    'resourceVersion=5&resourceVersionMatch=X',
    422,
    `${invalid}${match}Unsupported value: "X": supported values: "Exact", "NotOlderThan", ""`,
  ],
  [
    'resourceVersion=5&resourceVersionMatch=Exact&continue=x',
    422,
    `${invalid}${match}Forbidden: resourceVersionMatch is forbidden when continue is provided`,
  ],
  ['sendInitialEvents=true', 422, `${invalid}sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list`],
  [
    'resourceVersionMatch=X&sendInitialEvents=0',
    422,
    `${invalid}[${match}Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided, ${match}Unsupported value: "X": supported values: "Exact", "NotOlderThan", "", sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]`,
  ],
  ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
  ['limit=', 400, 'strconv.ParseInt: parsing "": invalid syntax'],
  ['limit=99999999999999999999', 400, 'strconv.ParseInt: parsing "99999999999999999999": value out of range'],
  ['limit=x&timeoutSeconds=y', 400, 'strconv.ParseInt: parsing "y": invalid syntax'],
  ['fieldSelector=x%3D1', 400, '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
]
describe('parseListOptions()', () => {
  for (const [query, code, message] of list) {
    test(`of a list answers ${query} with ${code}`, () =>
      expect(refusal(() => options(query))).toEqual([code, message]))
  }

  const watch: readonly (readonly [string, number, string])[] = [
    ['', 200, ''],
    ['sendInitialEvents=true&resourceVersionMatch=NotOlderThan', 200, ''],
    [
      'sendInitialEvents=true',
      422,
      `${invalid}${match}Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    ],
    [
      'resourceVersionMatch=NotOlderThan',
      422,
      `${invalid}${match}Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided`,
    ],
  ]
  for (const [query, code, message] of watch) {
    test(`of a watch answers ${query} with ${code}`, () =>
      expect(refusal(() => options(query, true))).toEqual([code, message]))
  }

  test('makes a watch from nowhere in particular begin with the state', () => {
    expect(options('', true).sendInitialEvents).toBe(true)
    expect(options('resourceVersion=0', true).sendInitialEvents).toBe(true)
    expect(options('resourceVersion=7', true).sendInitialEvents).toBeUndefined()
    expect(options('sendInitialEvents=false&resourceVersionMatch=NotOlderThan', true).sendInitialEvents).toBe(false)
  })

  test('takes the one name from the path or the selector, and refuses two', () => {
    expect(options('fieldSelector=metadata.name%3Da').name).toBe('a')
    expect(options('', true, 'configmaps', 'b').name).toBe('b')
    const two = refusal(() => options('fieldSelector=metadata.name%3Da', true, 'configmaps', 'b'))
    expect(two).toEqual([400, "fieldSelector metadata.name doesn't match requested name"])
  })

  const fields: readonly (readonly [string, string, string])[] = [
    ['pods', 'spec.host', ''],
    ['pods', 'spec.x', 'field label not supported: spec.x'],
    ['nodes', 'metadata.namespace', 'field label not supported: metadata.namespace'],
    ['persistentvolumes', 'metadata.namespace', ''],
    ['jobs', 'x', 'field label "x" not supported for Job'],
    ['resourceslices', 'x', 'field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x'],
    [
      'replicasets',
      'status.replicas',
      '"status.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['secrets', 'toString', 'field label not supported: toString'],
  ]
  for (const [plural, field, message] of fields) {
    test(`${message === '' ? 'lets' : 'does not let'} ${plural} be selected by ${field}`, () =>
      expect(refusal(() => options(`fieldSelector=${field}%3D1`, false, plural))[1]).toBe(message))
  }
})

test('parseResourceVersion() and parseListRevision() refuse differently what is no revision', () => {
  const problem = 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'
  expect(refusal(() => parseResourceVersion('x'))).toEqual([500, problem])
  expect(refusal(() => parseListRevision('x'))).toEqual([400, `invalid resource version: ${problem}`])
  expect(parseResourceVersion('')).toBeUndefined()
  expect(parseListRevision('12')).toBe(12)
})
