/** PodSecurity: holds pods to the standards that their namespace's labels name; workloads are warned about their templates. */
import type { Namespace, Pod } from '../../api/core/v1.ts'
import { invalid } from '../../apimachinery/status.ts'
import { joinErrors } from '../authn/join-errors.ts'
import { find, kinds, type Lookup, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { describeViolations, type PodLike, type Violation, violations } from './pod-security-checks.ts'
import {
  defaultPodSecurity,
  formatLevel,
  ignoredPolicy,
  type LevelVersion,
  type PodSecurityConfig,
  policyOf,
  strictness,
} from './pod-security-policy.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

const annotationPrefix = 'pod-security.kubernetes.io/'
/** Upstream lists no more pods than this in the warnings of a namespace. */
const maxCheckedPods = 3000

/** The plugin. */
export function podSecurity(lookup: Lookup, config: PodSecurityConfig = defaultPodSecurity): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    concerns: ({ operation }) => operation === 'CREATE' || operation === 'UPDATE',
    validate: async (request, signal) => {
      if (isAbout(request, kinds.namespaces)) return checkNamespace(lookup, config, request)
      const subject = subjectOf(request)
      if (subject === undefined || isExempt(request, config, subject)) return
      const namespace = await find(lookup, kinds.namespaces, '', request.namespace, signal)
      if (namespace !== undefined) checkPod(request, config, namespace, subject)
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

type Subject = { readonly pod: PodLike; readonly isTemplate: boolean; readonly isSignificant: boolean }

/** Those that bring a pod; the others bring something else or nothing that matters here. */
const podWrites = ['', 'ephemeralcontainers', 'resize']

function subjectOf(request: AdmissionRequest): Subject | undefined {
  if (podWrites.some((subresource) => isAbout(request, kinds.pods, subresource))) {
    const pod = newObject(request, kinds.pods)
    const old = oldObject(request, kinds.pods)
    if (pod === undefined) return undefined
    return { pod, isTemplate: false, isSignificant: old === undefined || isSignificant(pod, old) }
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
    : { pod: { spec: template.spec, metadata: template.metadata ?? {} }, isTemplate: true, isSignificant: true }
}

/** Of a pod's spec only images and ephemeral containers can change in ways that matter here. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const relevant = ({ spec }: Pod) =>
    [spec.containers, spec.initContainers ?? [], spec.ephemeralContainers ?? []].map((list) =>
      list.map(({ name, image }) => [name, image]),
    )
  return JSON.stringify(relevant(pod)) !== JSON.stringify(relevant(old))
}

function isExempt(request: AdmissionRequest, { exemptions }: PodSecurityConfig, { pod }: Subject): boolean {
  const { namespaces, usernames, runtimeClasses } = exemptions
  const { runtimeClassName = '' } = pod.spec
  const reason = namespaces.includes(request.namespace)
    ? 'namespace'
    : usernames.includes(request.user.name)
      ? 'user'
      : runtimeClassName !== '' && runtimeClasses.includes(runtimeClassName)
        ? 'runtimeClass'
        : ''
  if (reason !== '') request.annotate?.(`${annotationPrefix}exempt`, reason)
  return reason !== ''
}

function checkPod(
  request: AdmissionRequest,
  { defaults }: PodSecurityConfig,
  namespace: Namespace,
  { pod, isTemplate, isSignificant }: Subject,
): void {
  const { policy, causes } = policyOf(namespace.metadata.labels, defaults)
  const { enforce, audit, warn } = policy
  const judge = ({ level, version }: LevelVersion): readonly Violation[] => violations(level, version, pod)
  const wouldViolate = (mode: LevelVersion, found: readonly Violation[]): string =>
    `would violate PodSecurity "${formatLevel(mode)}": ${describeViolations(found)}`
  const annotate = (key: string, value: string): void => request.annotate?.(`${annotationPrefix}${key}`, value)
  const isPrivileged = [enforce, audit, warn].every(({ level }) => level === 'privileged')
  // Upstream decides this before it looks at what has changed.
  if (!isTemplate && isPrivileged && causes.length === 0) annotate('enforce-policy', 'privileged:latest')
  if (!isSignificant) return
  if (causes.length > 0) {
    const texts = causes.map(({ field, message }) => `${field ?? ''}: ${message}`)
    annotate('error', `Failed to parse policy: ${joinErrors(texts)}`)
  }
  const enforced = isTemplate ? [] : judge(enforce)
  if (!isTemplate) annotate('enforce-policy', formatLevel(enforce))
  const audited = judge(audit)
  if (audited.length > 0) annotate('audit-violations', wouldViolate(audit, audited))
  if (enforced.length > 0) {
    throw refuse(request, `violates PodSecurity "${formatLevel(enforce)}": ${describeViolations(enforced)}`)
  }
  const warned = judge(warn)
  if (warned.length > 0) request.warn?.(wouldViolate(warn, warned))
}

function checkNamespace({ reader }: Lookup, config: PodSecurityConfig, request: AdmissionRequest): void {
  const namespace = newObject(request, kinds.namespaces)
  const old = oldObject(request, kinds.namespaces)
  if (namespace === undefined) return
  const { labels, name } = namespace.metadata
  const next = policyOf(labels, config.defaults)
  const before = old === undefined ? undefined : policyOf(old.metadata.labels, config.defaults)
  const isOldMistake = JSON.stringify(before?.causes) === JSON.stringify(next.causes)
  if (next.causes.length > 0 && !isOldMistake) throw invalid({ group: '', kind: 'Namespace' }, name, next.causes)
  const { enforce } = next.policy
  if (before !== undefined && !isStricter(enforce, before.policy.enforce)) return
  if (config.exemptions.namespaces.includes(name)) {
    const ignored = ignoredPolicy(labels, next.policy, config.defaults)
    const warning = `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${ignored}) will be ignored`
    if (ignored !== '') request.warn?.(warning)
    return
  }
  if (before === undefined) return
  const pods = readAll(reader, kinds.pods, name)
  for (const warning of existingViolations(name, enforce, inOrder(pods, config))) request.warn?.(warning)
}

/** Another version may be stricter at the same level. */
function isStricter(next: LevelVersion, before: LevelVersion): boolean {
  if (next.level === 'privileged') return false
  return next.version !== before.version || strictness(next.level) > strictness(before.level)
}

/** One pod of each controller before its siblings, which are alike. */
function inOrder(pods: readonly Pod[], { exemptions }: PodSecurityConfig): readonly Pod[] {
  const seen = new Set<string>()
  const [first, others]: readonly [Pod[], Pod[]] = [[], []]
  for (const pod of pods) {
    if (exemptions.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) continue
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid
    if (owner !== undefined && seen.has(owner)) others.push(pod)
    else first.push(pod)
    if (owner !== undefined) seen.add(owner)
  }
  return [...first, ...others]
}

/** One line per set of reasons, the pods that share it counted. */
function existingViolations(namespace: string, enforce: LevelVersion, pods: readonly Pod[]): readonly string[] {
  const byReasons = new Map<string, string[]>()
  for (const pod of pods.slice(0, maxCheckedPods)) {
    const reasons = violations(enforce.level, enforce.version, pod)
      .map(({ reason }) => reason)
      .join(', ')
    if (reasons !== '') byReasons.set(reasons, [...(byReasons.get(reasons) ?? []), pod.metadata.name].toSorted())
  }
  const lines = [...byReasons].map(([reasons, [first = '', ...others]]) => {
    const count = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`
    return `${first}${count}: ${reasons}`
  })
  const level = JSON.stringify(formatLevel(enforce))
  const [checked, total] = [Math.min(maxCheckedPods, pods.length), pods.length]
  return [
    ...(checked < total
      ? [`new PodSecurity enforce level only checked against the first ${checked} of ${total} existing pods`]
      : []),
    ...(lines.length === 0
      ? []
      : [`existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${level}`]),
    ...lines.toSorted(),
  ]
}
