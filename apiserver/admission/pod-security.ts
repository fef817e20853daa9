/** PodSecurity: holds pods to the standards that their namespace's labels name; workloads are warned about their templates. */
import type { Namespace, Pod } from '../../api/core/v1.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'
import { find, kinds, type Lookup, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { describeViolations, type PodLike, type PodSecurityLevel, violations } from './pod-security-checks.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

const labelPrefix = 'pod-security.kubernetes.io/'
const levels: readonly string[] = ['privileged', 'baseline', 'restricted']
/** Upstream lists no more pods than this in the warnings of a namespace. */
const maxCheckedPods = 3000

/** A level and the version that the label names: `restricted:latest`. */
type Policy = { readonly level: PodSecurityLevel; readonly version: string }

/** The plugin. */
export function podSecurity(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    validate: async (request, signal) => {
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return
      if (isAbout(request, kinds.namespaces)) return checkNamespace(lookup, request)
      const pod = podOf(request)
      if (pod === undefined) return
      const namespace = await find(lookup, kinds.namespaces, '', request.namespace, signal)
      if (namespace !== undefined) checkPod(request, namespace, pod)
    },
  }
}

/** Where a workload keeps the template of its pods. */
const templates: Readonly<Record<string, readonly string[]>> = {
  podtemplates: ['template'],
  replicationcontrollers: ['spec', 'template'],
  'daemonsets.apps': ['spec', 'template'],
  'deployments.apps': ['spec', 'template'],
  'replicasets.apps': ['spec', 'template'],
  'statefulsets.apps': ['spec', 'template'],
  'jobs.batch': ['spec', 'template'],
  'cronjobs.batch': ['spec', 'jobTemplate', 'spec', 'template'],
}

type Subject = { readonly pod: PodLike; readonly isTemplate: boolean }

function podOf(request: AdmissionRequest): Subject | undefined {
  if (isAbout(request, kinds.pods) || isAbout(request, kinds.pods, 'ephemeralcontainers')) {
    const pod = newObject(request, kinds.pods)
    const old = oldObject(request, kinds.pods)
    return pod === undefined || (old !== undefined && !isSignificant(pod, old)) ? undefined : { pod, isTemplate: false }
  }
  if (request.subresource !== '') return undefined
  const { group, plural } = request.resource.facts
  const path = templates[group === '' ? plural : `${plural}.${group}`]
  if (path === undefined) return undefined
  let current: unknown = request.object
  for (const field of path) current = (current as Readonly<Record<string, unknown>> | undefined)?.[field]
  const template = current as PodLike | undefined
  return template?.spec === undefined
    ? undefined
    : { pod: { spec: template.spec, metadata: template.metadata ?? {} }, isTemplate: true }
}

/** Of a pod's spec only images and ephemeral containers can change in ways that matter here. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const relevant = ({ spec }: Pod) =>
    [spec.containers, spec.initContainers ?? [], spec.ephemeralContainers ?? []].map((list) =>
      list.map(({ name, image }) => [name, image]),
    )
  return JSON.stringify(relevant(pod)) !== JSON.stringify(relevant(old))
}

function checkPod(request: AdmissionRequest, namespace: Namespace, { pod, isTemplate }: Subject): void {
  const enforce = policyOf(namespace, 'enforce')
  const found = violations(enforce.level, pod)
  if (found.length > 0 && !isTemplate) {
    throw refuse(request, `violates PodSecurity "${enforce.level}:${enforce.version}": ${describeViolations(found)}`)
  }
  const warn = policyOf(namespace, 'warn')
  const warned = violations(warn.level, pod)
  if (warned.length > 0) {
    request.warn?.(`would violate PodSecurity "${warn.level}:${warn.version}": ${describeViolations(warned)}`)
  }
}

function policyOf(namespace: Namespace, mode: 'enforce' | 'warn'): Policy {
  const labels = namespace.metadata.labels ?? {}
  const level = labels[`${labelPrefix}${mode}`] ?? 'privileged'
  return { level: isLevel(level) ? level : 'restricted', version: labels[`${labelPrefix}${mode}-version`] ?? 'latest' }
}

function isLevel(text: string): text is PodSecurityLevel {
  return levels.includes(text)
}

function checkNamespace({ reader }: Lookup, request: AdmissionRequest): void {
  const namespace = newObject(request, kinds.namespaces)
  const old = oldObject(request, kinds.namespaces)
  if (namespace === undefined) return
  const causes = labelCauses(namespace)
  const isNew = old === undefined || labelCauses(old).length === 0
  if (causes.length > 0 && isNew) throw invalid({ group: '', kind: 'Namespace' }, namespace.metadata.name, causes)
  if (old === undefined) return
  const policy = policyOf(namespace, 'enforce')
  const before = policyOf(old, 'enforce')
  if (levels.indexOf(policy.level) <= levels.indexOf(before.level)) return
  for (const warning of existingViolations(namespace, policy, readAll(reader, kinds.pods, namespace.metadata.name))) {
    request.warn?.(warning)
  }
}

function labelCauses({ metadata }: Namespace): readonly StatusCause[] {
  return ['enforce', 'audit', 'warn'].flatMap((mode) => {
    const level = metadata.labels?.[`${labelPrefix}${mode}`]
    const version = metadata.labels?.[`${labelPrefix}${mode}-version`]
    const field = (name: string): string => `metadata.labels[${labelPrefix}${name}]`
    return [
      ...(level === undefined || isLevel(level)
        ? []
        : [invalidValue(field(mode), level, `must be one of ${levels.join(', ')}`)]),
      ...(version === undefined || /^(latest|v1\.\d+)$/.test(version)
        ? []
        : [invalidValue(field(`${mode}-version`), version, 'must be "latest" or "v1.x"')]),
    ]
  })
}

/** One line per set of reasons, the pods that share it counted. */
function existingViolations(namespace: Namespace, { level, version }: Policy, pods: readonly Pod[]): readonly string[] {
  const byReasons = new Map<string, string[]>()
  for (const pod of pods.slice(0, maxCheckedPods)) {
    const reasons = violations(level, pod)
      .map(({ reason }) => reason)
      .join(', ')
    if (reasons !== '') byReasons.set(reasons, [...(byReasons.get(reasons) ?? []), pod.metadata.name])
  }
  if (byReasons.size === 0) return []
  const lines = [...byReasons].map(([reasons, [first = '', ...others]]) => {
    const count = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`
    return `${first}${count}: ${reasons}`
  })
  const name = JSON.stringify(namespace.metadata.name)
  return [
    `existing pods in namespace ${name} violate the new PodSecurity enforce level "${level}:${version}"`,
    ...lines.toSorted(),
  ]
}
