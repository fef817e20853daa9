/** Typed reads of built-in kinds from the watch caches. */
import { factsOf, type ResourceFacts } from '../../api/facts/resources.ts'
import type { DefinitionName, Definitions } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import type { ApiType } from '../../apimachinery/schema/facts.ts'
import type { ObjectReader } from './reader.ts'

/** A built-in resource together with the type of its objects. */
export type BuiltIn<Name extends DefinitionName> = { readonly facts: ResourceFacts; readonly definition: Name }

function builtIn<Name extends DefinitionName>(definition: Name, group: string, plural: string): BuiltIn<Name> {
  return { facts: factsOf(group, plural), definition }
}

const rbac = 'rbac.authorization.k8s.io'

/** The kinds that access control and admission look up. */
export const kinds = {
  pods: builtIn('core.v1.Pod', '', 'pods'),
  nodes: builtIn('core.v1.Node', '', 'nodes'),
  namespaces: builtIn('core.v1.Namespace', '', 'namespaces'),
  secrets: builtIn('core.v1.Secret', '', 'secrets'),
  services: builtIn('core.v1.Service', '', 'services'),
  endpoints: builtIn('core.v1.Endpoints', '', 'endpoints'),
  endpointSlices: builtIn('discovery.v1.EndpointSlice', 'discovery.k8s.io', 'endpointslices'),
  serviceAccounts: builtIn('core.v1.ServiceAccount', '', 'serviceaccounts'),
  limitRanges: builtIn('core.v1.LimitRange', '', 'limitranges'),
  resourceQuotas: builtIn('core.v1.ResourceQuota', '', 'resourcequotas'),
  persistentVolumeClaims: builtIn('core.v1.PersistentVolumeClaim', '', 'persistentvolumeclaims'),
  csiDrivers: builtIn('storage.v1.CSIDriver', 'storage.k8s.io', 'csidrivers'),
  persistentVolumes: builtIn('core.v1.PersistentVolume', '', 'persistentvolumes'),
  volumeAttributesClasses: builtIn('storage.v1.VolumeAttributesClass', 'storage.k8s.io', 'volumeattributesclasses'),
  priorityClasses: builtIn('scheduling.v1.PriorityClass', 'scheduling.k8s.io', 'priorityclasses'),
  runtimeClasses: builtIn('node.v1.RuntimeClass', 'node.k8s.io', 'runtimeclasses'),
  storageClasses: builtIn('storage.v1.StorageClass', 'storage.k8s.io', 'storageclasses'),
  volumeAttachments: builtIn('storage.v1.VolumeAttachment', 'storage.k8s.io', 'volumeattachments'),
  ingressClasses: builtIn('networking.v1.IngressClass', 'networking.k8s.io', 'ingressclasses'),
  leases: builtIn('coordination.v1.Lease', 'coordination.k8s.io', 'leases'),
  ipAddresses: builtIn('networking.v1.IPAddress', 'networking.k8s.io', 'ipaddresses'),
  serviceCidrs: builtIn('networking.v1.ServiceCIDR', 'networking.k8s.io', 'servicecidrs'),
  podDisruptionBudgets: builtIn('policy.v1.PodDisruptionBudget', 'policy', 'poddisruptionbudgets'),
  mutatingWebhookConfigurations: builtIn(
    'admissionregistration.v1.MutatingWebhookConfiguration',
    'admissionregistration.k8s.io',
    'mutatingwebhookconfigurations',
  ),
  validatingWebhookConfigurations: builtIn(
    'admissionregistration.v1.ValidatingWebhookConfiguration',
    'admissionregistration.k8s.io',
    'validatingwebhookconfigurations',
  ),
  validatingAdmissionPolicies: builtIn(
    'admissionregistration.v1.ValidatingAdmissionPolicy',
    'admissionregistration.k8s.io',
    'validatingadmissionpolicies',
  ),
  validatingAdmissionPolicyBindings: builtIn(
    'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
    'admissionregistration.k8s.io',
    'validatingadmissionpolicybindings',
  ),
  mutatingAdmissionPolicies: builtIn(
    'admissionregistration.v1.MutatingAdmissionPolicy',
    'admissionregistration.k8s.io',
    'mutatingadmissionpolicies',
  ),
  mutatingAdmissionPolicyBindings: builtIn(
    'admissionregistration.v1.MutatingAdmissionPolicyBinding',
    'admissionregistration.k8s.io',
    'mutatingadmissionpolicybindings',
  ),
  resourceClaims: builtIn('resource.v1.ResourceClaim', 'resource.k8s.io', 'resourceclaims'),
  resourceClaimTemplates: builtIn('resource.v1.ResourceClaimTemplate', 'resource.k8s.io', 'resourceclaimtemplates'),
  resourceSlices: builtIn('resource.v1.ResourceSlice', 'resource.k8s.io', 'resourceslices'),
  apiServices: builtIn('apiregistration.v1.APIService', 'apiregistration.k8s.io', 'apiservices'),
  roles: builtIn('rbac.v1.Role', rbac, 'roles'),
  roleBindings: builtIn('rbac.v1.RoleBinding', rbac, 'rolebindings'),
  clusterRoles: builtIn('rbac.v1.ClusterRole', rbac, 'clusterroles'),
  clusterRoleBindings: builtIn('rbac.v1.ClusterRoleBinding', rbac, 'clusterrolebindings'),
} as const

/** One object, or `undefined`. */
export function read<Name extends DefinitionName>(
  reader: ObjectReader,
  kind: BuiltIn<Name>,
  namespace: string,
  name: string,
): ApiType<Definitions, Name> | undefined {
  // The decoder guarantees that objects of this kind have this type.
  return reader.get(kind.facts, namespace, name) as ApiType<Definitions, Name> | undefined
}

/** All objects of a kind, or those of one namespace. */
export function readAll<Name extends DefinitionName>(
  reader: ObjectReader,
  kind: BuiltIn<Name>,
  namespace?: string,
): readonly ApiType<Definitions, Name>[] {
  return reader.list(kind.facts, namespace) as unknown as readonly ApiType<Definitions, Name>[]
}

/** Reads from the cache and, where an object may be newer than the cache, from the store. */
export type Lookup = {
  readonly reader: ObjectReader
  readonly live: (
    facts: ResourceFacts,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ) => Promise<ApiObject | undefined>
}

/** One object: from the cache, or from the store when the cache does not have it (yet). */
export async function find<Name extends DefinitionName>(
  { reader, live }: Lookup,
  kind: BuiltIn<Name>,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ApiType<Definitions, Name> | undefined> {
  const cached = read(reader, kind, namespace, name)
  if (cached !== undefined) return cached
  return (await live(kind.facts, namespace, name, signal)) as ApiType<Definitions, Name> | undefined
}
