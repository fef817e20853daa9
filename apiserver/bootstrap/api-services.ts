/** An APIService for every group-version that this server serves itself. Source: upstream's `apiServices` priorities. */
import type { ServedGroup } from '../registry/resource-registry.ts'
import type { BootstrapObject } from './objects.ts'

/** `groupPriorityMinimum`; the larger comes first in discovery. */
export const groupPriorities: Readonly<Record<string, number>> = {
  '': 18000,
  'apiregistration.k8s.io': 18000,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'admissionregistration.k8s.io': 16700,
  'apiextensions.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'resource.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
}
/** For groups that came at run time. */
export const customGroupPriority = 1000
const highestVersionPriority = 30
const versionPriority = 15

export type ApiServiceObject = BootstrapObject & { readonly status: object }

/** The objects of built-in groups, and the status that goes with them; those of custom kinds come and go with them. Pure. */
export function apiServices(groups: readonly ServedGroup[], time: string): readonly ApiServiceObject[] {
  const builtIn = groups.filter(({ group }) => Object.hasOwn(groupPriorities, group))
  return builtIn.flatMap(({ group, versions }) =>
    versions.map((version, index) => ({
      group: 'apiregistration.k8s.io',
      plural: 'apiservices',
      namespace: '',
      draft: {
        metadata: {
          name: `${version}.${group}`,
          labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' },
        },
        spec: {
          group,
          version,
          groupPriorityMinimum: groupPriorities[group] ?? customGroupPriority,
          versionPriority: versions.length > 1 && index === 0 ? highestVersionPriority : versionPriority,
        },
      },
      status: {
        conditions: [
          {
            type: 'Available',
            status: 'True',
            reason: 'Local',
            message: 'Local APIServices are always available',
            lastTransitionTime: time,
          },
        ],
      },
    })),
  )
}
