/**
 * The Node authorizer: a kubelet may read what the pods bound to its node mention, and write its own node, lease and
 * CSINode. What it may do to pods and nodes is narrowed further by the NodeRestriction admission plugin.
 * Source: "Using Node Authorization".
 *
 * The answers come from the watch caches at the time of the request; there is no graph to keep in step with them.
 */
import { exactField, parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read, readAll } from '../registry/typed-reader.ts'
import type { Attributes, AuthorizationPlugin, Decision } from './authorizer.ts'
import { clusterRoleFacts } from './bootstrap-facts.ts'
import { parseRule } from './bootstrap-policy.ts'
import { type PodReferences, podReferences } from './pod-references.ts'
import { ruleAllows } from './rbac-rules.ts'

type Pod = ReturnType<typeof readAll<'core.v1.Pod'>>[number]

const nodeRules = (clusterRoleFacts.find((role) => role.name === 'system:node')?.rules ?? []).map(parseRule)
const userPrefix = 'system:node:'
const mirrorPodAnnotation = 'kubernetes.io/config.mirror'

/** The node that a user is, `''` for a kubelet without a usable name, `undefined` for everyone else. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.groups.includes('system:nodes') || !user.name.startsWith(userPrefix)) return undefined
  return user.name.slice(userPrefix.length)
}

/** Decides for kubelets; has no opinion on anyone else. */
export function createNodePlugin(reader: ObjectReader): AuthorizationPlugin {
  return {
    authorize: (attributes) => {
      const node = nodeNameOf(attributes.user)
      if (node === undefined) return noOpinion('')
      if (node === '') return noOpinion(`unknown node for user ${JSON.stringify(attributes.user.name)}`)
      return decide({ reader, node, attributes })
    },
    rulesFor: (user) =>
      nodeNameOf(user) === undefined
        ? { rules: [], incomplete: false, errors: [] }
        : { rules: [], incomplete: true, errors: ['node authorizer does not support user rule resolution'] },
  }
}

type Question = { readonly reader: ObjectReader; readonly node: string; readonly attributes: Attributes }

const allow: Decision = { type: 'allow', reason: '' }
const noOpinion = (reason: string): Decision => ({ type: 'noOpinion', reason })

function decide(question: Question): Decision {
  const { info } = question.attributes
  if (!info.isResourceRequest) return byRules(question)
  switch (info.group === '' ? info.resource : `${info.resource}.${info.group}`) {
    case 'secrets':
      return readNamespaced(question, () => usesSecret(question))
    case 'configmaps':
      return readNamespaced(question, () => uses(question, (references) => references.configMaps))
    case 'persistentvolumeclaims':
      if (info.subresource === 'status') return updateClaimStatus(question)
      return getOne(question, () => uses(question, (references) => references.claims))
    case 'persistentvolumes':
      return getOne(question, () => usesVolume(question))
    case 'volumeattachments.storage.k8s.io':
      return getOne(question, () => isAttachmentOfNode(question))
    case 'resourceclaims.resource.k8s.io':
      return getOne(question, () => usesResourceClaim(question))
    case 'serviceaccounts':
      if (info.verb === 'get' && info.subresource === '') {
        return readNamespaced(question, () => usesAccount(question))
      }
      return createToken(question)
    case 'resourceslices.resource.k8s.io':
      return resourceSlices(question)
    case 'leases.coordination.k8s.io':
      return ownLease(question)
    case 'csinodes.storage.k8s.io':
      return ownCsiNode(question)
    case 'nodes':
      return ownNode(question)
    case 'pods':
      return pods(question)
    default:
      return byRules(question)
  }
}

function byRules({ attributes: { info } }: Question): Decision {
  const action = info.isResourceRequest
    ? ({
        type: 'resource',
        verb: info.verb,
        apiGroup: info.group,
        resource: info.resource,
        subresource: info.subresource,
        name: info.name,
      } as const)
    : ({ type: 'url', verb: info.verb, path: info.path } as const)
  return nodeRules.some((rule) => ruleAllows(rule, action)) ? allow : noOpinion('')
}

function related({ node, attributes }: Question, isRelated: () => boolean): Decision {
  if (attributes.info.name === '') return noOpinion('No Object name found')
  return isRelated() ? allow : noOpinion(`no relationship found between node '${node}' and this object`)
}

function readNamespaced(question: Question, isRelated: () => boolean): Decision {
  const { info } = question.attributes
  if (!['get', 'list', 'watch'].includes(info.verb)) return noOpinion('can only read resources of this type')
  if (info.subresource !== '') return noOpinion('cannot read subresource')
  if (info.namespace === '') return noOpinion('can only read namespaced object of this type')
  return related(question, isRelated)
}

function getOne(question: Question, isRelated: () => boolean): Decision {
  const { info } = question.attributes
  if (info.verb !== 'get') return noOpinion('can only get individual resources of this type')
  if (info.subresource !== '') return noOpinion('cannot get subresource')
  return related(question, isRelated)
}

function updateClaimStatus(question: Question): Decision {
  const { verb } = question.attributes.info
  if (verb !== 'update' && verb !== 'patch') return noOpinion('can only update status')
  return related(question, () => uses(question, (references) => references.claims))
}

function createToken(question: Question): Decision {
  const { info } = question.attributes
  if (info.verb !== 'create' || info.name === '') {
    return noOpinion('can only create tokens for individual service accounts')
  }
  if (info.subresource !== 'token') return noOpinion('can only create token subresource of serviceaccount')
  return related(question, () => usesAccount(question))
}

function usesAccount(question: Question): boolean {
  const { namespace, name } = question.attributes.info
  return podsOnNode(question, namespace).some((pod) => (pod.spec?.serviceAccountName ?? 'default') === name)
}

const sliceVerbs = 'get, watch, list, create, update, patch, delete, deletecollection'

/** A node publishes its own devices. Which slices are its own says `spec.nodeName`. */
function resourceSlices(question: Question): Decision {
  const { node, reader, attributes } = question
  const { info } = attributes
  if (info.subresource !== '') return noOpinion('cannot authorize ResourceSlice subresources')
  switch (info.verb) {
    case 'create':
      return allow
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return related(question, () => read(reader, kinds.resourceSlices, '', info.name)?.spec.nodeName === node)
    case 'watch':
    case 'list':
    case 'deletecollection':
      if (selects(info.fieldSelector, 'spec.nodeName', node)) return allow
      return noOpinion('can only list/watch/deletecollection resourceslices with nodeName field selector')
    default:
      return noOpinion(`only the following verbs are allowed for a ResourceSlice: ${sliceVerbs}`)
  }
}

const ownObjectVerbs = ['get', 'create', 'update', 'patch', 'delete']

function ownLease({ node, attributes: { info } }: Question): Decision {
  if (!ownObjectVerbs.includes(info.verb)) {
    return noOpinion('can only get, create, update, patch, or delete a node lease')
  }
  if (info.namespace !== 'kube-node-lease') {
    return noOpinion('can only access leases in the "kube-node-lease" system namespace')
  }
  // A create has no name in its URL; NodeRestriction looks at the object.
  if (info.verb !== 'create' && info.name !== node) {
    return noOpinion('can only access node lease with the same name as the requesting node')
  }
  return allow
}

function ownCsiNode({ node, attributes: { info } }: Question): Decision {
  if (info.subresource !== '') return noOpinion('cannot authorize CSINode subresources')
  if (!ownObjectVerbs.includes(info.verb)) {
    return noOpinion('can only get, create, update, patch, or delete a CSINode')
  }
  if (info.verb !== 'create' && info.name !== node) {
    return noOpinion('can only access CSINode with the same name as the requesting node')
  }
  return allow
}

function ownNode({ node, attributes: { info } }: Question): Decision {
  const isWrite = info.verb === 'update' || info.verb === 'patch'
  if (info.subresource === 'status') return isWrite ? allow : noOpinion('')
  if (info.subresource !== '') return noOpinion('')
  if (isWrite || info.verb === 'create') return allow
  if (!['get', 'list', 'watch'].includes(info.verb)) return noOpinion('')
  if (info.name === node) return allow
  if (info.name === '') return noOpinion(`node '${node}' cannot read all nodes, only its own Node object`)
  return noOpinion(`node '${node}' cannot read '${info.name}', only its own Node object`)
}

function pods(question: Question): Decision {
  const { node, attributes } = question
  const { info } = attributes
  if (info.subresource === 'status') return info.verb === 'update' || info.verb === 'patch' ? allow : noOpinion('')
  if (info.subresource === 'eviction') return info.verb === 'create' ? allow : noOpinion('')
  if (info.subresource !== '') return noOpinion('')
  if (info.verb === 'create' || info.verb === 'delete') return allow
  const isOwnPod = () => read(question.reader, kinds.pods, info.namespace, info.name)?.spec?.nodeName === node
  if (info.verb === 'get') return related(question, isOwnPod)
  if (info.verb !== 'list' && info.verb !== 'watch') return noOpinion('')
  if (selects(info.fieldSelector, 'spec.nodeName', node)) return allow
  if (info.name !== '') return related(question, isOwnPod)
  return noOpinion('can only list/watch pods with spec.nodeName field selector')
}

/** Whether a selector pins a field to a value; one that cannot be read pins nothing. */
function selects(fieldSelector: string | undefined, field: string, value: string): boolean {
  if (fieldSelector === undefined) return false
  try {
    return exactField(parseFieldSelector(fieldSelector), field) === value
  } catch {
    return false
  }
}

function podsOnNode({ reader, node }: Question, namespace: string): readonly Pod[] {
  return readAll(reader, kinds.pods, namespace).filter(
    (pod) => pod.spec?.nodeName === node && pod.metadata.annotations?.[mirrorPodAnnotation] === undefined,
  )
}

function uses(question: Question, names: (references: PodReferences) => ReadonlySet<string>): boolean {
  const { info } = question.attributes
  return podsOnNode(question, info.namespace).some((pod) => names(podReferences(pod)).has(info.name))
}

/** Through a pod, or through a volume whose driver needs the secret. */
function usesSecret(question: Question): boolean {
  const { reader, attributes } = question
  if (uses(question, (references) => references.secrets)) return true
  return readAll(reader, kinds.persistentVolumes).some((volume) => {
    const { csi } = volume.spec ?? {}
    const secrets = [csi?.nodeStageSecretRef, csi?.nodePublishSecretRef, csi?.nodeExpandSecretRef]
    const { name, namespace } = attributes.info
    if (!secrets.some((secret) => secret?.name === name && secret.namespace === namespace)) return false
    return isClaimUsed(question, volume.spec?.claimRef)
  })
}

function usesVolume(question: Question): boolean {
  const volume = read(question.reader, kinds.persistentVolumes, '', question.attributes.info.name)
  return isClaimUsed(question, volume?.spec?.claimRef)
}

function isClaimUsed(question: Question, claim: { name?: string; namespace?: string } | undefined): boolean {
  const { name, namespace } = claim ?? {}
  if (name === undefined || namespace === undefined) return false
  return podsOnNode(question, namespace).some((pod) => podReferences(pod).claims.has(name))
}

function isAttachmentOfNode({ reader, node, attributes }: Question): boolean {
  return read(reader, kinds.volumeAttachments, '', attributes.info.name)?.spec.nodeName === node
}

function usesResourceClaim(question: Question): boolean {
  const { name, namespace } = question.attributes.info
  return podsOnNode(question, namespace).some(
    (pod) =>
      (pod.spec?.resourceClaims ?? []).some((claim) => claim.resourceClaimName === name) ||
      (pod.status?.resourceClaimStatuses ?? []).some((claim) => claim.resourceClaimName === name),
  )
}
