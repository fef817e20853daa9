/**
 * NodeRestriction: what a kubelet may write. Only its own node and the pods on it, no pods that use the API's secrets, no
 * labels that others rely on to keep workloads apart.
 */
import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import type { Node, Pod } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { notFound } from '../../apimachinery/status.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { nodeNameOf } from '../authz/node.ts'
import { podReferences } from '../authz/pod-references.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { audienceRefusal } from './node-audience.ts'
import { isAbout, newObject, oldObject, refuse, unchanged } from './request.ts'

const mirrorPodAnnotation = 'kubernetes.io/config.mirror'
const leaseNamespace = 'kube-node-lease'

/** The plugin. */
export function nodeRestriction(lookup: Lookup, authorizer: Authorizer): AdmissionPlugin {
  const guard = async (request: AdmissionRequest, then: (node: string) => Promise<void>): Promise<void> => {
    const node = nodeNameOf(request.user)
    if (node === undefined) return
    if (node === '') throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.name)}`)
    await then(node)
  }
  return {
    name: 'NodeRestriction',
    concerns: ({ operation, user }) => operation !== 'CONNECT' && nodeNameOf(user) !== undefined,
    // What a node asks for is looked at before the server fills in its own audiences.
    mutate: async (request, signal) => {
      await guard(request, async (node) => {
        if (isTokenRequest(request)) await checkToken({ lookup, authorizer }, request, node, signal)
      })
      return unchanged(request)
    },
    validate: async (request, signal) =>
      await guard(request, async (node) => await check(lookup, request, node, signal)),
  }
}

function isTokenRequest(request: AdmissionRequest): boolean {
  return request.operation === 'CREATE' && isAbout(request, kinds.serviceAccounts, 'token')
}

async function check(lookup: Lookup, request: AdmissionRequest, node: string, signal: AbortSignal): Promise<void> {
  const { group, plural } = request.resource.facts
  switch (group === '' ? plural : `${plural}.${group}`) {
    case 'pods':
      return await checkPod(lookup, request, node, signal)
    case 'nodes':
      return checkNode(request, node)
    case 'persistentvolumeclaims':
      return checkClaim(request)
    case 'leases.coordination.k8s.io':
      return checkLease(request, node)
    case 'csinodes.storage.k8s.io':
      return checkCsiNode(request, node)
    case 'resourceslices.resource.k8s.io':
      return checkResourceSlice(request, node)
    case 'certificatesigningrequests.certificates.k8s.io':
      return checkSigningRequest(request, node)
    default:
      return
  }
}

async function checkPod(lookup: Lookup, request: AdmissionRequest, node: string, signal: AbortSignal): Promise<void> {
  const { subresource, operation } = request
  if (subresource === '') {
    if (operation === 'CREATE') return await checkPodCreate(lookup, request, node, signal)
    if (operation === 'DELETE') return checkOnNode(request, node, oldObject(request, kinds.pods), 'delete')
    throw refuse(
      request,
      `unexpected operation ${JSON.stringify(operation)}, node ${JSON.stringify(node)} can only create and delete mirror pods`,
    )
  }
  if (subresource === 'status') return checkPodStatus(request, node)
  if (subresource === 'eviction') {
    if (operation !== 'CREATE') throw refuse(request, `unexpected operation ${operation}`)
    const pod = await find(lookup, kinds.pods, request.namespace, request.name, signal)
    if (pod === undefined) throw notFound(kinds.pods.facts, request.name)
    return checkOnNode(request, node, pod, 'evict')
  }
  throw refuse(
    request,
    `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
  )
}

async function checkPodCreate(
  lookup: Lookup,
  request: AdmissionRequest,
  node: string,
  signal: AbortSignal,
): Promise<void> {
  const pod = newObject(request, kinds.pods)
  if (pod === undefined) return
  const complaint = ownershipComplaint(pod, node)
  if (complaint !== undefined) throw refuse(request, complaint)
  const found = await find(lookup, kinds.nodes, '', node, signal)
  if (found === undefined) throw notFound(kinds.nodes.facts, node)
  const owner = pod.metadata.ownerReferences?.[0]?.uid ?? ''
  if (owner !== found.metadata.uid) {
    throw refuse(request, `node ${node} UID mismatch: expected ${owner} got ${found.metadata.uid}`)
  }
  const reference = referenceComplaint(pod, node)
  if (reference !== undefined) throw refuse(request, reference)
}

/** Why a node may not create this pod, looking at the pod alone. */
export function mirrorPodComplaint(pod: Pod, node: string): string | undefined {
  return ownershipComplaint(pod, node) ?? referenceComplaint(pod, node)
}

function ownershipComplaint(pod: Pod, node: string): string | undefined {
  const isMirror = pod.metadata.annotations?.[mirrorPodAnnotation] !== undefined
  if (!isMirror) {
    return `pod does not have ${JSON.stringify(mirrorPodAnnotation)} annotation, node ${JSON.stringify(node)} can only create mirror pods`
  }
  if (pod.spec.nodeName !== node) {
    return `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`
  }
  const owners = pod.metadata.ownerReferences ?? []
  const [owner] = owners
  if (owners.length > 1)
    return `node ${JSON.stringify(node)} can only create pods with a single owner reference set to itself`
  if (owner === undefined)
    return `node ${JSON.stringify(node)} can only create pods with an owner reference set to itself`
  if (owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `node ${JSON.stringify(node)} can only create pods with an owner reference set to itself`
  }
  if (owner.controller !== true) {
    return `node ${JSON.stringify(node)} can only create pods with a controller owner reference set to itself`
  }
  if (owner.blockOwnerDeletion === true)
    return `node ${JSON.stringify(node)} must not set blockOwnerDeletion on an owner reference`
  return undefined
}

/** A mirror pod shows what runs already: it must not lead to anything that the API keeps. */
function referenceComplaint(pod: Pod, node: string): string | undefined {
  if ((pod.spec.serviceAccountName ?? '') !== '')
    return `node ${JSON.stringify(node)} can not create pods that reference a service account`
  const { secrets, configMaps, claims } = podReferences(pod)
  if (secrets.size > 0) return `node ${JSON.stringify(node)} can not create pods that reference secrets`
  if (configMaps.size > 0) return `node ${JSON.stringify(node)} can not create pods that reference configmaps`
  const usesToken = pod.spec.volumes?.some((volume) =>
    volume.projected?.sources?.some((source) => source.serviceAccountToken !== undefined),
  )
  if (usesToken === true)
    return `node ${JSON.stringify(node)} can not create pods that reference projected service account tokens`
  return claims.size > 0
    ? `node ${JSON.stringify(node)} can not create pods that reference persistentvolumeclaims`
    : undefined
}

function checkOnNode(request: AdmissionRequest, node: string, pod: Pod | undefined, verb: string): void {
  if (pod?.spec.nodeName === node) return
  throw refuse(request, `node ${JSON.stringify(node)} can only ${verb} pods with spec.nodeName set to itself`)
}

function checkPodStatus(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'UPDATE') throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`)
  const old = oldObject({ ...request, subresource: '' }, kinds.pods)
  const pod = newObject({ ...request, subresource: '' }, kinds.pods)
  if (old?.spec.nodeName !== node) {
    throw refuse(
      request,
      `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`,
    )
  }
  if (!isSame(old.metadata.labels ?? {}, pod?.metadata.labels ?? {})) {
    throw refuse(request, `node ${JSON.stringify(node)} cannot update labels through pod status`)
  }
  const [before, after] = [old.status, pod?.status]
  if (!isSame(before?.resourceClaimStatuses ?? [], after?.resourceClaimStatuses ?? [])) {
    throw refuse(request, `node ${JSON.stringify(node)} cannot update resource claim statues`)
  }
  if (!isSame(before?.extendedResourceClaimStatus ?? null, after?.extendedResourceClaimStatus ?? null)) {
    throw refuse(request, `node ${JSON.stringify(node)} cannot update extended resource claim status`)
  }
}

function checkNode(request: AdmissionRequest, node: string): void {
  const created = request.operation === 'CREATE' ? request.object?.metadata.name : undefined
  const name = created ?? request.name
  if (name !== node)
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(name)}`)
  const { operation } = request
  if (operation === 'CREATE' && isAbout(request, kinds.nodes)) {
    const forbidden = changedLabels({}, request.object).filter(isForbiddenLabel)
    if (forbidden.length > 0) {
      throw refuse(
        request,
        `node ${JSON.stringify(node)} is not allowed to set the following labels: ${forbidden.join(', ')}`,
      )
    }
    if (newObject(request, kinds.nodes)?.spec?.configSource !== undefined) {
      throw refuse(request, `node ${JSON.stringify(node)} is not allowed to create pods with a non-nil configSource`)
    }
  }
  if (operation === 'UPDATE') checkNodeUpdate(request, node)
}

function checkNodeUpdate(request: AdmissionRequest, node: string): void {
  const updated = request.object as unknown as Node | undefined
  const old = request.oldObject as unknown as Node | undefined
  if (!isSame(old?.spec?.taints ?? [], updated?.spec?.taints ?? [])) {
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify taints`)
  }
  if (!isSame(old?.metadata.ownerReferences ?? [], updated?.metadata.ownerReferences ?? [])) {
    throw refuse(request, `node ${JSON.stringify(node)} is not allowed to modify owner references`)
  }
  const modified = changedLabels(old?.metadata.labels ?? {}, request.object).filter(isForbiddenLabel)
  if (modified.length > 0) {
    throw refuse(request, `is not allowed to modify labels: ${modified.join(', ')}`)
  }
}

function changedLabels(old: Readonly<Record<string, string>>, object: ApiObject | undefined): readonly string[] {
  const labels = object?.metadata.labels ?? {}
  const keys = new Set([...Object.keys(old), ...Object.keys(labels)])
  return [...keys].filter((key) => old[key] !== labels[key]).toSorted()
}

const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.kubernetes.io/region',
  'failure-domain.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
])
const kubeletLabelNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io']

/** Labels under Kubernetes' own domains that are not a kubelet's to set; those of the isolation prefix above all. */
export function isForbiddenLabel(key: string): boolean {
  const [namespace = '', name] = key.split('/')
  if (name === undefined) return false
  if (isIn(namespace, 'node-restriction.kubernetes.io')) return true
  if (!isIn(namespace, 'kubernetes.io') && !isIn(namespace, 'k8s.io')) return false
  return !kubeletLabels.has(key) && !kubeletLabelNamespaces.some((own) => isIn(namespace, own))
}

function isIn(namespace: string, domain: string): boolean {
  return namespace === domain || namespace.endsWith(`.${domain}`)
}

function checkClaim(request: AdmissionRequest): void {
  if (request.subresource !== 'status') {
    throw refuse(request, `may only update PVC status`)
  }
  if (request.operation !== 'UPDATE') throw refuse(request, `unexpected operation ${JSON.stringify(request.operation)}`)
}

type TokenRequest = {
  readonly spec: {
    readonly audiences?: readonly string[] | null
    readonly boundObjectRef?: {
      readonly apiVersion?: string
      readonly kind?: string
      readonly name?: string
      readonly uid?: string
    } | null
  }
}

/** A node asks for tokens for its own pods only. */
async function checkToken(
  options: { readonly lookup: Lookup; readonly authorizer: Authorizer },
  request: AdmissionRequest,
  node: string,
  signal: AbortSignal,
): Promise<void> {
  const { boundObjectRef, audiences = [] } = (request.object as unknown as TokenRequest).spec
  const bound = boundObjectRef ?? undefined
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || (bound.name ?? '') === '') {
    throw refuse(request, `node requested token not bound to a pod`)
  }
  if ((bound.uid ?? '') === '') throw refuse(request, `node requested token with a pod binding without a uid`)
  const pod = await find(options.lookup, kinds.pods, request.namespace, bound.name ?? '', signal)
  if (pod === undefined) throw notFound(kinds.pods.facts, bound.name ?? '')
  if (pod.metadata.uid !== bound.uid) {
    throw refuse(
      request,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  if (pod.spec.nodeName !== node) {
    throw refuse(request, `node requested token bound to a pod scheduled on a different node`)
  }
  const refusal = await audienceRefusal(options, request, pod, audiences ?? [], signal)
  if (refusal !== undefined) throw refuse(request, refusal)
}

function checkLease(request: AdmissionRequest, node: string): void {
  // The lease of a node is the node's heartbeat: no other one may be written.
  if (request.namespace !== leaseNamespace) {
    throw refuse(request, `can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`)
  }
  const name = request.operation === 'CREATE' ? (request.object?.metadata.name ?? '') : request.name
  if (name !== node) throw refuse(request, `can only access node lease with the same name as the requesting node`)
}

function checkCsiNode(request: AdmissionRequest, node: string): void {
  const name = request.operation === 'CREATE' ? (request.object?.metadata.name ?? '') : request.name
  if (name !== node) throw refuse(request, `can only access CSINode with the same name as the requesting node`)
}

/** Updates need no look: a slice never changes its node. */
function checkResourceSlice(request: AdmissionRequest, node: string): void {
  const { operation } = request
  const slice =
    operation === 'DELETE' ? oldObject(request, kinds.resourceSlices) : newObject(request, kinds.resourceSlices)
  if ((operation !== 'CREATE' && operation !== 'DELETE') || slice?.spec.nodeName === node) return
  const verb = operation.toLowerCase()
  throw refuse(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`)
}

type SigningRequest = { readonly spec: { readonly signerName?: string; readonly request?: string } }
const nodeSigners = new Set(['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'])

/** Of the two signers of kubelets a node may have certificates in its own name only. */
function checkSigningRequest(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'CREATE') return
  const { signerName = '', request: pem = '' } = (request.object as unknown as SigningRequest).spec
  if (!nodeSigners.has(signerName)) return
  const wanted = `system:node:${node}`
  if (commonNameOf(request, pem) === wanted) return
  throw refuse(request, `can only create a node CSR with CN=${wanted}`)
}

function commonNameOf(request: AdmissionRequest, base64: string): string {
  try {
    const parsed = new Pkcs10CertificateRequest(Buffer.from(base64, 'base64').toString('utf8'))
    return parsed.subjectName.getField('CN').at(-1) ?? ''
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw refuse(request, `unable to parse csr: ${why}`)
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
