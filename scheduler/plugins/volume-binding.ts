/**
 * Claims of the pod against nodes. A bound claim pulls the pod to where its volume is. An unbound claim of an immediate
 * class stops the pod until a controller has bound it. An unbound claim that waits for its first consumer is matched with
 * an existing volume, or left to a provisioner, once a node has been chosen.
 */

import { selectsNode } from '../../api/core/node-selector.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import { wholeValue } from '../../apimachinery/quantity.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Listers, Snapshot } from '../cache/snapshot.ts'
import type { Plugin, PreparedFilter, Rejection } from '../framework/plugin.ts'

const wrongNode: Rejection = {
  reasons: ["node(s) didn't match PersistentVolume's node affinity"],
  isUnresolvable: true,
}
const nothingToBind: Rejection = {
  reasons: ["node(s) didn't find available persistent volumes to bind"],
  isUnresolvable: true,
}
const lostVolume: Rejection = {
  reasons: ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'],
  isUnresolvable: true,
}

/** What is to be written for a claim before the pod may be bound to the node. */
export type ClaimBinding =
  | { readonly type: 'bindVolume'; readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }
  | { readonly type: 'provision'; readonly claim: PersistentVolumeClaim; readonly nodeName: string }

/** Claims sorted by what has to happen to them. */
type Claims = { readonly bound: readonly PersistentVolumeClaim[]; readonly waiting: readonly PersistentVolumeClaim[] }

/** Matches claims and volumes with nodes. */
export const volumeBinding: Plugin = {
  name: 'VolumeBinding',
  filter: prepareFilter,
  mayHelp: (_pod, event) =>
    event.type === 'storageChanged' ||
    event.type === 'nodeAdded' ||
    event.type === 'podUpdated' ||
    (event.type === 'nodeUpdated' && event.changes.has('labels')),
}

/** The writes that make the pod's waiting claims usable on the node. */
export function planClaimBindings(pod: Pod, node: NodeInfo, listers: Listers): readonly ClaimBinding[] {
  const claims = claimsOf(pod, listers)
  return typeof claims === 'string' ? [] : (bindingsOn(node, claims.waiting, listers) ?? [])
}

function prepareFilter({ pod }: PodInfo, { listers }: Snapshot): PreparedFilter | undefined {
  const claims = claimsOf(pod, listers)
  if (typeof claims === 'string') return { type: 'reject', reason: claims }
  const { bound, waiting } = claims
  if (bound.length === 0 && waiting.length === 0) return undefined
  return {
    type: 'check',
    check: (node) => {
      for (const claim of bound) {
        const volume = listers.volume(claim.spec?.volumeName ?? '')
        if (volume === undefined) return lostVolume
        if (!isReachable(volume, node)) return wrongNode
      }
      return bindingsOn(node, waiting, listers) === undefined ? nothingToBind : undefined
    },
  }
}

/** The pod's claims, or the reason why it cannot be scheduled anywhere yet. */
function claimsOf(pod: Pod, listers: Listers): Claims | string {
  const bound: PersistentVolumeClaim[] = []
  const waiting: PersistentVolumeClaim[] = []
  let isImmediateUnbound = false
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec?.volumes ?? []) {
    const claimName =
      persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${pod.metadata.name}-${name}`)
    if (claimName === undefined) continue
    const claim = listers.claim(pod.metadata.namespace ?? '', claimName)
    const problem = claimProblem(claim, claimName, pod, ephemeral !== undefined)
    if (claim === undefined || problem !== undefined) return problem ?? ''
    if (isFullyBound(claim)) bound.push(claim)
    else if (waitsForConsumer(claim, listers) && !isPrebound(claim)) waiting.push(claim)
    else isImmediateUnbound = true
  }
  return isImmediateUnbound ? 'pod has unbound immediate PersistentVolumeClaims' : { bound, waiting }
}

function claimProblem(
  claim: PersistentVolumeClaim | undefined,
  name: string,
  pod: Pod,
  isEphemeral: boolean,
): string | undefined {
  if (claim === undefined) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`
  }
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`
  const owner = claim.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (isEphemeral && owner?.uid !== pod.metadata.uid) {
    return `PVC ${pod.metadata.namespace ?? ''}/${name} was not created for pod ${pod.metadata.namespace ?? ''}/${pod.metadata.name} (pod is not owner)`
  }
  return undefined
}

function isFullyBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return isSet(spec?.volumeName) && metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined
}

function isPrebound({ spec }: PersistentVolumeClaim): boolean {
  return isSet(spec?.volumeName)
}

function waitsForConsumer({ spec }: PersistentVolumeClaim, listers: Listers): boolean {
  const storageClass = isSet(spec?.storageClassName) ? listers.storageClass(spec?.storageClassName ?? '') : undefined
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer'
}

/** A volume or a provisioner for every claim; `undefined` when one can have neither on this node. */
function bindingsOn(
  node: NodeInfo,
  waiting: readonly PersistentVolumeClaim[],
  listers: Listers,
): readonly ClaimBinding[] | undefined {
  const bindings: ClaimBinding[] = []
  const taken = new Set<string>()
  for (const claim of waiting) {
    const volume = smallestVolume(claim, node, listers, taken)
    if (volume !== undefined) {
      taken.add(volume.metadata.name)
      bindings.push({ type: 'bindVolume', claim, volume })
    } else if (canProvision(claim, node, listers)) bindings.push({ type: 'provision', claim, nodeName: node.name })
    else return undefined
  }
  return bindings
}

function smallestVolume(
  claim: PersistentVolumeClaim,
  node: NodeInfo,
  listers: Listers,
  taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  const wanted = wholeValue(claim.spec?.resources?.requests?.['storage'] ?? '0')
  return listers
    .volumes()
    .filter((volume) => !taken.has(volume.metadata.name) && suits(volume, claim, wanted) && isReachable(volume, node))
    .toSorted(
      (left, right) => capacityOf(left) - capacityOf(right) || (left.metadata.name < right.metadata.name ? -1 : 1),
    )[0]
}

function suits(volume: PersistentVolume, claim: PersistentVolumeClaim, wantedBytes: number): boolean {
  const { spec, status } = volume
  const { claimRef } = spec ?? {}
  const isOurs = claimRef?.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace
  if (claimRef !== undefined ? !isOurs : status?.phase !== 'Available') return false
  if (volume.metadata.deletionTimestamp !== undefined) return false
  const selector = claim.spec?.selector
  return (
    (spec?.storageClassName ?? '') === (claim.spec?.storageClassName ?? '') &&
    (spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem') &&
    (claim.spec?.accessModes ?? []).every((mode) => (spec?.accessModes ?? []).includes(mode)) &&
    (selector === undefined || matches(selectorFromLabelSelector(selector), volume.metadata.labels)) &&
    capacityOf(volume) >= wantedBytes
  )
}

function capacityOf({ spec }: PersistentVolume): number {
  return wholeValue(spec?.capacity?.['storage'] ?? '0')
}

function canProvision(claim: PersistentVolumeClaim, node: NodeInfo, listers: Listers): boolean {
  const storageClass = listers.storageClass(claim.spec?.storageClassName ?? '')
  if (storageClass === undefined || storageClass.provisioner === 'kubernetes.io/no-provisioner') return false
  const topologies = storageClass.allowedTopologies ?? []
  return (
    topologies.length === 0 ||
    topologies.some(({ matchLabelExpressions }) =>
      (matchLabelExpressions ?? []).every(({ key, values }) => values.includes(node.labels[key] ?? '')),
    )
  )
}

function isReachable({ spec }: PersistentVolume, node: NodeInfo): boolean {
  const required = spec?.nodeAffinity?.required
  return required === undefined || selectsNode(required, node)
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== ''
}
