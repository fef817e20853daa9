import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { describe, expect, it } from 'vitest'
import { factsOf, type ResourceFacts } from '../../api/facts/resources.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { readerOf } from '../registry/plain-reader.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionRequest } from './admission.ts'
import { nodeRestriction } from './node-restriction.ts'

const user = { name: 'system:node:one', groups: ['system:nodes'] }
const noOpinion: Authorizer = () => ({ type: 'noOpinion', reason: '' })

/** What is said to the node `one`. */
async function answer(
  { facts }: { readonly facts: ResourceFacts },
  more: object,
  objects: readonly object[] = [],
  authorizer: Authorizer = noOpinion,
): Promise<string> {
  const reader = readerOf(objects)
  const lookup = { reader, live: async (...where: Parameters<typeof reader.get>) => reader.get(...where) }
  const base = {
    operation: 'CREATE',
    resource: { facts },
    subresource: '',
    namespace: 'n',
    name: 'x',
    user,
    dryRun: false,
  }
  const request = { ...base, ...more } as unknown as AdmissionRequest
  const { mutate, validate } = nodeRestriction(lookup, authorizer)
  const { signal } = new AbortController()
  try {
    await mutate?.(request, signal)
    await validate?.(request, signal)
    return 'admitted'
  } catch (error) {
    return (error as Error).message
  }
}

describe('nodeRestriction() of resource slices', () => {
  const slice = (nodeName: string): object => ({ metadata: { name: 'x' }, spec: { nodeName } })
  const refusal = (verb: string): string =>
    `resourceslices.resource.k8s.io "x" is forbidden: can only ${verb} ResourceSlice with the same NodeName as the requesting node`

  it.each<[string, object, string]>([
    ['its own, made', { object: slice('one') }, 'admitted'],
    ['a foreign one, made', { object: slice('two') }, refusal('create')],
    ['its own, deleted', { operation: 'DELETE', oldObject: slice('one') }, 'admitted'],
    ['a foreign one, deleted', { operation: 'DELETE', oldObject: slice('two') }, refusal('delete')],
    ['a foreign one, updated', { operation: 'UPDATE', object: slice('two'), oldObject: slice('two') }, 'admitted'],
  ])('judges %s', async (_, more, expected) => {
    expect(await answer(kinds.resourceSlices, more)).toBe(expected)
  })
})

describe('nodeRestriction() of signing requests', () => {
  const signingRequests = { facts: factsOf('certificates.k8s.io', 'certificatesigningrequests') }
  const signing = 'kubernetes.io/kube-apiserver-client-kubelet'
  const csr = async (name: string): Promise<string> => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm }, webcrypto)
    return Buffer.from(made.toString('pem')).toString('base64')
  }
  const about = (more: object, spec: object): object => ({ object: { metadata: { name: 'x' }, spec }, ...more })
  const refusal =
    'certificatesigningrequests.certificates.k8s.io "x" is forbidden: can only create a node CSR with CN=system:node:one'

  it.each([
    ['its own name', 'O=system:nodes, CN=system:node:one', signing, 'admitted'],
    ['another name', 'O=system:nodes, CN=system:node:two', signing, refusal],
    ['another name to serve', 'O=system:nodes, CN=system:node:two', 'kubernetes.io/kubelet-serving', refusal],
    ['another name of another signer', 'CN=web', 'example.com/any', 'admitted'],
  ])('judges one for %s', async (_, name, signerName, expected) => {
    const more = about({}, { signerName, request: await csr(name) })
    expect(await answer(signingRequests, more)).toBe(expected)
  })

  it('refuses what is no request', async () => {
    const more = about({}, { signerName: signing, request: 'bm8=' })
    expect(await answer(signingRequests, more)).toContain('unable to parse csr')
  })
})

describe('nodeRestriction() of the status of pods', () => {
  const pod = (status: object, metadata: object = {}): object => ({
    metadata: { name: 'x', namespace: 'n', ...metadata },
    spec: { nodeName: 'one' },
    status,
  })
  const forbidden = (what: string): string => `pods "x" is forbidden: node "one" cannot update ${what}`
  const claims = [{ name: 'c', resourceClaimName: 'r' }]

  it.each<[string, object, string]>([
    ['its phase', pod({ phase: 'Running' }), 'admitted'],
    ['labels', pod({}, { labels: { a: 'b' } }), forbidden('labels through pod status')],
    ['claims', pod({ resourceClaimStatuses: claims }), forbidden('resource claim statues')],
    [
      'the claim of extended resources',
      pod({ extendedResourceClaimStatus: { resourceClaimName: 'r', requestMappings: [] } }),
      forbidden('extended resource claim status'),
    ],
  ])('judges a change of %s', async (_, object, expected) => {
    const more = { operation: 'UPDATE', subresource: 'status', object, oldObject: pod({}) }
    expect(await answer(kinds.pods, more)).toBe(expected)
  })
})

describe('nodeRestriction() of mirror pods', () => {
  const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: 'one', uid: 'right' }, status: {} }
  const mirror = (owner: object): object => ({
    metadata: {
      name: 'x',
      annotations: { 'kubernetes.io/config.mirror': 'y' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'one', uid: 'right', controller: true, ...owner }],
    },
    spec: { nodeName: 'one', containers: [] },
  })
  const refusal = (why: string): string => `pods "x" is forbidden: ${why}`

  it.each<[string, object, string]>([
    ['its own', {}, 'admitted'],
    ['a node that was there before', { uid: 'wrong' }, refusal('node one UID mismatch: expected wrong got right')],
    ['another node', { name: 'two' }, refusal('node "one" can only create pods with an owner reference set to itself')],
    [
      'a node that is not the controller',
      { controller: false },
      refusal('node "one" can only create pods with a controller owner reference set to itself'),
    ],
    [
      'a node that is not to go',
      { blockOwnerDeletion: true },
      refusal('node "one" must not set blockOwnerDeletion on an owner reference'),
    ],
  ])('judges one of %s', async (_, owner, expected) => {
    expect(await answer(kinds.pods, { object: mirror(owner) }, [node])).toBe(expected)
  })
})

describe('nodeRestriction() of tokens', () => {
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }
  const pod = (volumes: readonly object[]): object => ({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { nodeName: 'one', volumes },
  })
  const projected = (audience?: string): object => ({
    name: 'v',
    projected: { sources: [{ serviceAccountToken: { path: 't', ...(audience === undefined ? {} : { audience }) } }] },
  })
  const driver = {
    kind: 'CSIDriver',
    apiVersion: 'storage.k8s.io/v1',
    metadata: { name: 'd' },
    spec: { tokenRequests: [{ audience: 'vault' }] },
  }
  const claim = {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    metadata: { name: 'c', namespace: 'n' },
    spec: { volumeName: 'pv' },
  }
  const volume = {
    kind: 'PersistentVolume',
    apiVersion: 'v1',
    metadata: { name: 'pv' },
    spec: { csi: { driver: 'd', volumeHandle: 'h' } },
  }
  const claimed = { name: 'v', persistentVolumeClaim: { claimName: 'c' } }
  const refusal = (why: string): string => `serviceaccounts "x" is forbidden: ${why}`
  const unknown = (audience: string): string =>
    refusal(
      `audience "${audience}" not found in pod spec volume, system:node:one is not authorized to request tokens for this audience`,
    )
  const ask = async (audiences: readonly string[], objects: readonly object[], authorizer?: Authorizer) =>
    await answer(
      kinds.serviceAccounts,
      { subresource: 'token', object: { metadata: {}, spec: { audiences, boundObjectRef } } },
      objects,
      authorizer,
    )

  it.each<[string, readonly string[], readonly object[], string]>([
    ['the default audience of a volume', [], [pod([projected()])], 'admitted'],
    ['the default audience without a volume', [], [pod([])], unknown('')],
    ['the audience of a volume', ['vault'], [pod([projected('vault')])], 'admitted'],
    ['another audience', ['bank'], [pod([projected('vault')])], unknown('bank')],
    ['two audiences', ['a', 'b'], [pod([projected('a')])], refusal('node may only request 0 or 1 audiences')],
    ['the audience of a driver', ['vault'], [pod([{ name: 'v', csi: { driver: 'd' } }]), driver], 'admitted'],
    ["the audience of a claim's driver", ['vault'], [pod([claimed]), claim, volume, driver], 'admitted'],
    ['an audience that the driver has not', ['bank'], [pod([claimed]), claim, volume, driver], unknown('bank')],
    [
      'a claim that is not there',
      ['vault'],
      [pod([claimed])],
      refusal('error validating audience "vault": persistentvolumeclaims "c" not found'),
    ],
  ])('judges %s', async (_, audiences, objects, expected) => {
    expect(await ask(audiences, objects)).toBe(expected)
  })

  it('lets a node ask for any audience that an authorizer allows it', async () => {
    const asked: string[] = []
    const authorizer: Authorizer = ({ info: { verb, resource, name, namespace } }) => {
      asked.push(`${verb} ${resource} ${namespace}/${name}`)
      return { type: 'allow', reason: '' }
    }
    expect(await ask(['bank'], [pod([])], authorizer)).toBe('admitted')
    expect(asked).toEqual(['request-serviceaccounts-token-audience bank n/x'])
  })
})
