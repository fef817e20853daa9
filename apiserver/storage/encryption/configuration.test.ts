import { describe, expect, test } from 'vitest'
import { parseEncryptionConfiguration } from './configuration.ts'
import { createChainFinder, createKeyReader } from './resources.ts'
import { identity } from './transformer.ts'

const secret = Buffer.alloc(32, 1).toString('base64')
const aescbc = { aescbc: { keys: [{ name: 'key1', secret }] } }

function configuration(...resources: readonly object[]): object {
  return { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }
}

function plugins(...all: readonly object[]): object {
  return configuration({ resources: ['secrets'], providers: all.map((kms) => ({ kms })) })
}

/** Plugins are not reached: what they would be asked with is the key's name. */
function parse(value: unknown): ReturnType<typeof parseEncryptionConfiguration> {
  return parseEncryptionConfiguration(value, ({ name, endpoint, timeoutMs }) => ({
    ...identity,
    prefix: `${name} ${endpoint} ${timeoutMs}`,
  }))
}

describe('parseEncryptionConfiguration', () => {
  test('reaches plugins with what the file says of them', () => {
    const endpoint = 'unix:///run/plugin.sock'
    const rules = parse(
      plugins(
        { apiVersion: 'v2', name: 'one', endpoint },
        { apiVersion: 'v2', name: 'two', endpoint, timeout: '500ms' },
      ),
    )
    expect(rules[0]?.transformers.map(({ prefix }) => prefix)).toEqual([
      'one unix:///run/plugin.sock 3000',
      'two unix:///run/plugin.sock 500',
    ])
  })

  test('makes a rule of each resource, keys in their order', () => {
    const keys = [
      { name: 'key2', secret },
      { name: 'key1', secret },
    ]
    const rules = parse(
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
      'a plugin of version 1, which is that of who names none',
      plugins({ name: 'x', endpoint: 'unix:///x' }),
      'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.  Set --feature-gates=KMSv1=true to use the deprecated KMSv1 feature.',
    ],
    [
      'a plugin of version 3',
      plugins({ apiVersion: 'v3', name: 'x', endpoint: 'unix:///x' }),
      'resources[0].providers[0].kms.apiVersion: Invalid value: "v3": unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported',
    ],
    [
      'a plugin without name and address',
      plugins({ apiVersion: 'v2' }),
      '[resources[0].providers[0].kms.name: Required value: name is a mandatory field for a provider, resources[0].providers[0].kms.endpoint: Invalid value: "": endpoint is a mandatory field for a kms]',
    ],
    [
      'a plugin behind TCP',
      plugins({ apiVersion: 'v2', name: 'a:b', endpoint: 'tcp://localhost', timeout: '0s', cachesize: 1 }),
      '[resources[0].providers[0].kms.name: Invalid value: "a:b": invalid KMS provider name a:b, must not contain \':\', resources[0].providers[0].kms.timeout: Invalid value: "0s": timeout should be a positive value, resources[0].providers[0].kms.endpoint: Invalid value: "tcp://localhost": unsupported scheme "tcp" for KMS provider, only unix is supported, resources[0].providers[0].kms.cachesize: Invalid value: 1: cachesize is not supported in v2]',
    ],
    [
      'two plugins of one name',
      plugins(
        { apiVersion: 'v2', name: 'x', endpoint: 'unix:///x' },
        { apiVersion: 'v2', name: 'x', endpoint: 'unix:///y' },
      ),
      'resources[0].providers[1].kms.name: Invalid value: "x": duplicate KMS provider name x, names must be unique',
    ],
  ])('refuses %s', (_, value, message) => {
    expect(() => parse(value)).toThrow(message)
  })
})

describe('createChainFinder', () => {
  const named = (name: string): object => ({ aescbc: { keys: [{ name, secret }] } })
  const find = createChainFinder(
    parse(
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
