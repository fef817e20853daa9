import { describe, expect, test } from 'vitest'
import { parseEncryptionConfiguration } from './configuration.ts'
import { createChainFinder, createKeyReader } from './resources.ts'

const secret = Buffer.alloc(32, 1).toString('base64')
const aescbc = { aescbc: { keys: [{ name: 'key1', secret }] } }

function configuration(...resources: readonly object[]): object {
  return { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }
}

describe('parseEncryptionConfiguration', () => {
  test('makes a rule of each resource, keys in their order', () => {
    const keys = [
      { name: 'key2', secret },
      { name: 'key1', secret },
    ]
    const rules = parseEncryptionConfiguration(
      configuration({ resources: ['secrets', 'configmaps'], providers: [{ aesgcm: { keys } }, { identity: {} }] }),
    )
    expect(rules.map(({ resource, transformers }) => [resource, transformers.map(({ prefix }) => prefix)])).toEqual([
      ['secrets', ['k8s:enc:aesgcm:v1:key2:', 'k8s:enc:aesgcm:v1:key1:', '']],
      ['configmaps', ['k8s:enc:aesgcm:v1:key2:', 'k8s:enc:aesgcm:v1:key1:', '']],
    ])
  })

  test.each<[string, object, string]>([
    ['nothing', configuration(), 'resources: Required value: at least one resources is required'],
    [
      'no resources',
      configuration({ resources: [], providers: [aescbc] }),
      'resources[0].resources: Required value: at least one resources[0].resources is required',
    ],
    [
      'no providers',
      configuration({ resources: ['secrets'], providers: [] }),
      'resources[0].providers: Required value: at least one resources[0].providers is required',
    ],
    [
      'two providers in one element',
      configuration({ resources: ['secrets'], providers: [{ ...aescbc, identity: {} }] }),
      'more than one provider specified in a single element, should split into different list elements',
    ],
    [
      'a short key',
      configuration({ resources: ['secrets'], providers: [{ aescbc: { keys: [{ name: 'a', secret: 'YWJj' }] } }] }),
      'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 3, expected one of [16 24 32]',
    ],
    [
      'a key without a name',
      configuration({ resources: ['secrets'], providers: [{ secretbox: { keys: [{ secret }] } }] }),
      'resources[0].providers[0].secretbox.keys[0].name: Required value: name is a mandatory field for a key',
    ],
    [
      'capital letters',
      configuration({ resources: ['Secrets'], providers: [aescbc] }),
      'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters',
    ],
    [
      'a bare star',
      configuration({ resources: ['*'], providers: [aescbc] }),
      "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources",
    ],
    [
      'events of the newer group',
      configuration({ resources: ['events.events.k8s.io'], providers: [aescbc] }),
      "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
    ],
    [
      'a resource across groups',
      configuration({ resources: ['secrets.*'], providers: [aescbc] }),
      'encrypting the same resource across groups is not supported',
    ],
    [
      'overlaps',
      configuration({ resources: ['secrets', '*.'], providers: [aescbc] }),
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
    ],
    [
      'repetition',
      configuration({ resources: ['secrets', 'secrets'], providers: [aescbc] }),
      'the same resource cannot be specified multiple times',
    ],
    [
      'a rule that is never asked',
      configuration(
        { resources: ['*.apps'], providers: [aescbc] },
        { resources: ['deployments.apps'], providers: [aescbc] },
      ),
      'resource "deployments.apps" is masked by earlier rule "*.apps"',
    ],
    ['another kind', { apiVersion: 'v1', kind: 'Secret' }, 'no kind "Secret" is registered for version "v1"'],
    [
      'kms',
      configuration({ resources: ['secrets'], providers: [{ kms: { apiVersion: 'v2', name: 'x' } }] }),
      'kms providers are not supported by this server',
    ],
  ])('refuses %s', (_, value, message) => {
    expect(() => parseEncryptionConfiguration(value)).toThrow(message)
  })
})

describe('createChainFinder', () => {
  const named = (name: string): object => ({ aescbc: { keys: [{ name, secret }] } })
  const find = createChainFinder(
    parseEncryptionConfiguration(
      configuration(
        { resources: ['secrets'], providers: [named('exact')] },
        { resources: ['*.apps'], providers: [named('group')] },
        { resources: ['*.*'], providers: [named('all')] },
      ),
    ),
  )

  test.each([
    ['', 'secrets', 'exact'],
    ['apps', 'deployments', 'group'],
    ['', 'configmaps', 'all'],
    ['stable.example.com', 'crontabs', 'all'],
  ])('finds the chain of %s %s', (group, plural, name) => {
    expect(find({ group, plural })?.[0].prefix).toBe(`k8s:enc:aescbc:v1:${name}:`)
  })
})

describe('createKeyReader', () => {
  const read = createKeyReader(
    new Map([
      ['/registry/secrets', { group: '', plural: 'secrets' }],
      ['/registry/services/specs', { group: '', plural: 'services' }],
    ]),
  )

  test.each([
    ['/registry/secrets/default/a', 'secrets', ''],
    ['/registry/services/specs/default/a', 'services', ''],
    ['/registry/stable.example.com/crontabs/default/a', 'crontabs', 'stable.example.com'],
  ])('reads %s', (key, plural, group) => {
    expect(read(key)).toEqual({ group, plural })
  })

  test.each(['compact_rev_key', '/registry/kubets/progress', '/registry/masterleases/10.0.0.1'])(
    'leaves %s alone',
    (key) => {
      expect(read(key)).toBeUndefined()
    },
  )
})
