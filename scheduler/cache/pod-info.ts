/** A pod with everything that plugins ask again and again worked out once. */
import type { Pod, PodAffinityTerm } from '../../api/core/v1.ts'
import { type NamespacedName, namespacedName } from '../../apimachinery/brand.ts'
import { matches, type Selector, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { nonZeroRequests, podRequests, type Resources } from './resources.ts'

/** Labels of a namespace by its name; affinity terms may select namespaces by label. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>>

/** A pod (anti-)affinity term with its selectors compiled. */
export type AffinityTerm = {
  readonly topologyKey: string
  readonly selector: Selector
  readonly namespaces: ReadonlySet<string>
  readonly namespaceSelector: Selector | undefined
}
export type WeightedTerm = { readonly weight: number; readonly term: AffinityTerm }

export type HostPort = { readonly ip: string; readonly protocol: string; readonly port: number }

export type PodInfo = {
  readonly pod: Pod
  readonly key: NamespacedName
  readonly uid: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly priority: number
  readonly requests: Resources
  readonly nonZero: { readonly milliCpu: number; readonly memory: number }
  readonly hostPorts: readonly HostPort[]
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly WeightedTerm[]
  readonly preferredAntiAffinity: readonly WeightedTerm[]
  readonly isTerminating: boolean
  /** Equal for pods that no affinity or spread rule can tell apart. */
  readonly groupKey: string
  /** Equal for pods that no check of a single node can tell apart. */
  readonly nodeKey: string
}

const none: readonly never[] = []
const noLabels: Readonly<Record<string, string>> = {}

/** Works out what plugins need of a pod. */
export function createPodInfo(pod: Pod): PodInfo {
  const { metadata, spec } = pod
  const namespace = metadata.namespace ?? ''
  const labels = metadata.labels ?? noLabels
  const podAffinity = spec?.affinity?.podAffinity
  const podAntiAffinity = spec?.affinity?.podAntiAffinity
  const compile = (term: PodAffinityTerm) => compileTerm(term, namespace)
  const compileWeighted = (weighted: { weight: number; podAffinityTerm: PodAffinityTerm }) => ({
    weight: weighted.weight,
    term: compile(weighted.podAffinityTerm),
  })
  const isTerminating = metadata.deletionTimestamp !== undefined
  const requests = podRequests(pod)
  const nonZero = nonZeroRequests(pod)
  const hostPorts = hostPortsOf(pod)
  return {
    pod,
    key: namespacedName(namespace, metadata.name),
    uid: metadata.uid,
    namespace,
    labels,
    priority: spec?.priority ?? 0,
    requests,
    nonZero,
    hostPorts,
    requiredAffinity: podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.map(compile) ?? none,
    requiredAntiAffinity: podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.map(compile) ?? none,
    preferredAffinity: podAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.map(compileWeighted) ?? none,
    preferredAntiAffinity:
      podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.map(compileWeighted) ?? none,
    isTerminating,
    groupKey: groupKeyOf(namespace, labels, isTerminating, podAffinity, podAntiAffinity),
    nodeKey: nodeKeyOf(pod, { requests, nonZero, hostPorts }),
  }
}

/** Whether `pod` is one of the pods that the term is about. */
export function termMatches(term: AffinityTerm, pod: PodInfo, namespaceLabels: NamespaceLabels): boolean {
  if (!matches(term.selector, pod.labels)) return false
  if (term.namespaces.has(pod.namespace)) return true
  return term.namespaceSelector !== undefined && matches(term.namespaceSelector, namespaceLabels(pod.namespace))
}

/** An absent namespaceSelector with no namespaces means the pod's own; an empty selector means all. */
function compileTerm(term: PodAffinityTerm, ownNamespace: string): AffinityTerm {
  const named = term.namespaces ?? []
  return {
    topologyKey: term.topologyKey,
    selector: selectorFromLabelSelector(term.labelSelector),
    namespaces: new Set(named.length === 0 && term.namespaceSelector === undefined ? [ownNamespace] : named),
    namespaceSelector:
      term.namespaceSelector === undefined ? undefined : selectorFromLabelSelector(term.namespaceSelector),
  }
}

/** Ports of sidecars count, those of other init containers do not. Source: upstream `schedutil.GetHostPorts`. */
function hostPortsOf(pod: Pod): readonly HostPort[] {
  let ports: HostPort[] | undefined
  const sidecars = (pod.spec?.initContainers ?? none).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? none), ...sidecars]) {
    for (const { hostPort, hostIP, protocol } of container.ports ?? none) {
      if (hostPort === undefined || hostPort === 0) continue
      ports ??= []
      ports.push({ ip: hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP, protocol, port: hostPort })
    }
  }
  return ports ?? none
}

function groupKeyOf(
  namespace: string,
  labels: Readonly<Record<string, string>>,
  isTerminating: boolean,
  podAffinity: unknown,
  podAntiAffinity: unknown,
): string {
  const names = Object.keys(labels).sort()
  let key = isTerminating ? `${namespace}\n-` : `${namespace}\n+`
  for (const name of names) key += `\n${name}=${labels[name]}`
  if (podAffinity === undefined && podAntiAffinity === undefined) return key
  return `${key}\n${JSON.stringify([podAffinity, podAntiAffinity])}`
}

function nodeKeyOf(
  { spec }: Pod,
  { requests, nonZero, hostPorts }: Pick<PodInfo, 'requests' | 'nonZero' | 'hostPorts'>,
): string {
  const { milliCpu, memory, ephemeralStorage, scalar } = requests
  return JSON.stringify([
    [milliCpu, memory, ephemeralStorage, nonZero.milliCpu, nonZero.memory, scalar.size === 0 ? 0 : [...scalar]],
    [spec?.nodeName, spec?.nodeSelector, spec?.affinity?.nodeAffinity, spec?.tolerations, hostPorts],
  ])
}
