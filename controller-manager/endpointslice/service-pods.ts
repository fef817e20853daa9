/** Which pods a Service selects, and which Services a changed pod or node concerns. */

import type { Pod, Service } from '../../api/core/v1.ts'
import { type NamespacedName, namespacedName } from '../../apimachinery/brand.ts'
import { matches, selectorFromLabels } from '../../apimachinery/selector/labels.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Workqueue } from '../../client/workqueue/workqueue.ts'
import { withIndex } from '../informers.ts'
import { isSame } from '../pod/canonical-json.ts'

const namespaceIndex = 'namespace'
/** A Service in a namespace with more pods than this is written at most once in the period: each write carries all of them. */
const largeService = 100
const largeServicePeriodMs = 250

/** The pods of a Service, oldest name first so that equal states give equal plans. */
export function podsOfService(pods: Informer<Pod>, { metadata, spec }: Service): readonly Pod[] {
  if (spec.selector === undefined) return []
  const selector = selectorFromLabels(spec.selector)
  return pods
    .byIndex(namespaceIndex, metadata.namespace ?? '')
    .filter((pod) => matches(selector, pod.metadata.labels ?? {}))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

/** Wakes the Services that select a pod now, or selected it before; large ones a little later, for many pods at once. */
export function wakeServicesOfPods(
  pods: Informer<Pod>,
  services: Informer<Service>,
  queue: Pick<Workqueue<NamespacedName>, 'add' | 'addAfter'>,
): void {
  const wake = (key: NamespacedName, namespace: string): void => {
    const isLarge = pods.byIndex(namespaceIndex, namespace).length > largeService
    if (isLarge) queue.addAfter(key, largeServicePeriodMs)
    else queue.add(key)
  }
  withIndex(pods, namespaceIndex, ({ metadata }) => [metadata.namespace ?? ''])
  withIndex(services, namespaceIndex, ({ metadata }) => [metadata.namespace ?? ''])
  const wakeSelecting = (pod: Pod): void => {
    for (const service of services.byIndex(namespaceIndex, pod.metadata.namespace ?? '')) {
      const { selector } = service.spec
      if (selector === undefined || !matches(selectorFromLabels(selector), pod.metadata.labels ?? {})) continue
      wake(namespacedName(service.metadata.namespace, service.metadata.name), service.metadata.namespace ?? '')
    }
  }
  pods.onChange((change) => {
    if (change.type === 'updated' && !isRelevant(change.old, change.object)) return
    wakeSelecting(change.object)
    if (change.type === 'updated' && !isSame(change.old.metadata.labels, change.object.metadata.labels)) {
      wakeSelecting(change.old)
    }
  })
}

/** Most updates of a pod change nothing that an endpoint shows. */
function isRelevant(old: Pod, pod: Pod): boolean {
  const seen = ({ metadata, spec, status }: Pod) => [
    metadata.labels,
    metadata.deletionTimestamp,
    spec.nodeName,
    spec.hostname,
    spec.subdomain,
    status.podIPs ?? status.podIP,
    status.phase,
    status.conditions?.find(({ type }) => type === 'Ready')?.status,
  ]
  return !isSame(seen(old), seen(pod))
}
