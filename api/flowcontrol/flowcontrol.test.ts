/** What both kinds refuse, in upstream's words. Cases and texts: answers of an upstream server. */
import { expect, test } from 'vitest'
import type { ApiObject } from '../resource.ts'
import { flowSchemas } from './flow-schema.ts'
import { priorityLevelConfigurations } from './priority-level-configuration.ts'

const group = { kind: 'Group', group: { name: 'a' } }
const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }

function schema(spec: object, name = 'x'): ApiObject {
  const base = { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 1000 }
  return object('FlowSchema', name, { ...base, ...spec })
}

function level(spec: object, name = 'x'): ApiObject {
  return object('PriorityLevelConfiguration', name, spec)
}

function object(kind: string, name: string, spec: object): ApiObject {
  const metadata = { name, uid: '', resourceVersion: '', creationTimestamp: '' }
  const made: ApiObject & { readonly spec: object; readonly status: object } = {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind,
    metadata,
    spec,
    status: {},
  }
  return made
}

function subjects(...list: readonly object[]): ApiObject {
  return schema({ rules: [{ subjects: list, resourceRules: [all] }] })
}

function resourceRule(rule: object): ApiObject {
  return schema({ rules: [{ subjects: [group], resourceRules: [{ ...all, ...rule }] }] })
}

function urls(...nonResourceURLs: readonly string[]): ApiObject {
  return schema({ rules: [{ subjects: [group], nonResourceRules: [{ verbs: ['get'], nonResourceURLs }] }] })
}

function limited(spec: object): ApiObject {
  return level({ type: 'Limited', limited: { limitResponse: { type: 'Reject' }, ...spec } })
}

function queuing(config: object): ApiObject {
  const queues = { queues: 64, handSize: 6, queueLengthLimit: 50, ...config }
  return limited({ limitResponse: { type: 'Queue', queuing: queues } })
}

const schemaCases: readonly (readonly [string, ApiObject, readonly string[]])[] = [
  ['an ordinary schema', subjects(group), []],
  ['no precedence', schema({ matchingPrecedence: 0 }), ['spec.matchingPrecedence: must be a positive value']],
  [
    'the precedence of exempt',
    schema({ matchingPrecedence: 1 }),
    ["spec.matchingPrecedence: only the schema named 'exempt' may have matchingPrecedence 1"],
  ],
  [
    'an unknown method',
    schema({ distinguisherMethod: { type: 'X' } }),
    ['spec.distinguisherMethod.type: {"Type":"X"}: supported values: "ByNamespace", "ByUser"'],
  ],
  [
    'a nameless level',
    schema({ priorityLevelConfiguration: { name: '' } }),
    ['spec.priorityLevelConfiguration.name: must reference a priority level'],
  ],
  [
    'a rule without anything',
    schema({ rules: [{}] }),
    [
      'spec.rules[0].subjects: subjects must contain at least one value',
      'spec.rules[0]: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  ],
  [
    'a subject without its member',
    subjects({ kind: 'User' }),
    ["spec.rules[0].subjects[0].user: user is required when subject kind is 'User'"],
  ],
  [
    'a subject with another member',
    subjects({ ...group, user: { name: 'x' } }),
    ["spec.rules[0].subjects[0].user: user is forbidden when subject kind is not 'User'"],
  ],
  [
    'a group without a name beside a user',
    subjects({ kind: 'Group', group: { name: '' }, user: { name: 'x' } }),
    [
      'spec.rules[0].subjects[0].group.name: Required value',
      "spec.rules[0].subjects[0].user: user is forbidden when subject kind is not 'User'",
    ],
  ],
  [
    'an account without namespace',
    subjects({ kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: '' } }),
    ['spec.rules[0].subjects[0].serviceAccount.namespace: must specify namespace for service account'],
  ],
  [
    'a verb that is none',
    resourceRule({ verbs: ['foo'] }),
    [
      'spec.rules[0].resourceRules[0].verbs: ["foo"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
    ],
  ],
  [
    'a wildcard among others',
    resourceRule({ apiGroups: ['*', 'a'] }),
    [`spec.rules[0].resourceRules[0].apiGroups: ["*","a"]: if '*' is present, must not specify other api groups`],
  ],
  [
    'no namespaces',
    resourceRule({ namespaces: [] }),
    [
      'spec.rules[0].resourceRules[0].namespaces: resource rules that are not cluster scoped must supply at least one namespace',
    ],
  ],
  ['cluster scope only', resourceRule({ namespaces: [], clusterScope: true }), []],
  ['good paths', urls('/', '/a', '/a/*'), []],
  [
    'bad paths',
    urls('a', '/a//b', '/a*'),
    [
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: "a": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: "/a//b": must not contain double slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: "/a*": wildcard can only do suffix matching',
    ],
  ],
  [
    'a changed catch-all',
    schema({ distinguisherMethod: { type: 'ByUser' } }, 'catch-all'),
    [
      `spec: {"PriorityLevelConfiguration":{"Name":"exempt"},"MatchingPrecedence":1000,"DistinguisherMethod":{"Type":"ByUser"},"Rules":null}: spec of 'catch-all' must equal the fixed value`,
    ],
  ],
]

const levelCases: readonly (readonly [string, ApiObject, readonly string[]])[] = [
  ['an ordinary level', queuing({}), []],
  [
    'another exempt level',
    level({ type: 'Exempt' }),
    ["spec.type: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
  ],
  ['exempt with shares', level({ type: 'Exempt', exempt: { nominalConcurrencyShares: 10 } }, 'exempt'), []],
  ['an unknown type', level({ type: 'X' }), ['spec.type: "X": supported values: "Exempt", "Limited"']],
  ['limited without limits', level({ type: 'Limited' }), ['spec.limited: must not be empty when type is Limited']],
  [
    'too much to lend',
    limited({ lendablePercent: 101 }),
    ['spec.limited.lendablePercent: 101: must be between 0 and 100, inclusive'],
  ],
  [
    'rejecting with queues',
    limited({ limitResponse: { type: 'Reject', queuing: {} } }),
    ['spec.limited.limitResponse.queuing: must be nil if limited.limitResponse.type is not Limited'],
  ],
  [
    'a hand larger than the deck',
    queuing({ queues: 4, handSize: 5 }),
    ['spec.limited.limitResponse.queuing.handSize: 5: should not be greater than queues (4)'],
  ],
  [
    'a hand that no hash can deal',
    queuing({ queues: 512, handSize: 8 }),
    [
      'spec.limited.limitResponse.queuing.handSize: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60',
    ],
  ],
  [
    'a changed catch-all',
    level(
      {
        type: 'Limited',
        limited: { nominalConcurrencyShares: 6, lendablePercent: 0, limitResponse: { type: 'Reject' } },
      },
      'catch-all',
    ),
    [
      `spec: {"Type":"Limited","Limited":{"NominalConcurrencyShares":6,"LimitResponse":{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: spec of 'catch-all' must equal the fixed value`,
    ],
  ],
]

for (const [name, given, want] of schemaCases) {
  test(`flowSchemas.validate() says of ${name}: ${want.length === 0 ? 'nothing' : want.length}`, () => {
    expect(problems(flowSchemas.validate?.(given))).toEqual(want)
  })
}

for (const [name, given, want] of levelCases) {
  test(`priorityLevelConfigurations.validate() says of ${name}: ${want.length === 0 ? 'nothing' : want.length}`, () => {
    expect(problems(priorityLevelConfigurations.validate?.(given))).toEqual(want)
  })
}

/** Without the words that go with each reason. */
function problems(causes: readonly { readonly field?: string; readonly message: string }[] | undefined): string[] {
  return (causes ?? []).map(({ field = '', message }) => {
    const short = message.replace(/^(?:Required value|Invalid value|Unsupported value|Forbidden): /, '')
    return `${field}: ${field === 'spec.matchingPrecedence' ? short.replace(/^-?\d+: /, '') : short}`
  })
}
