/** Where each kind lives in the API, with the types that go in and come out. One line per kind that a program of ours reads or writes. */
import type { Api, Definitions, Draft } from '../../api/facts/table.ts'

/** `T` is what the server returns, `D` what a client may send. */
export type ResourceRef<T, D = T> = {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** Never set: carries the two types. */
  readonly types?: (draft: D) => T
}

type Kinds = {
  [Name in keyof Definitions]: Definitions[Name] extends { readonly gvk: unknown } ? Name : never
}[keyof Definitions]

function ref<Name extends Kinds>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced = true,
): ResourceRef<Api<Name>, Draft<Name>> {
  return { group, version, plural, kind, namespaced }
}

export const pods = ref<'core.v1.Pod'>('', 'v1', 'pods', 'Pod')
export const services = ref<'core.v1.Service'>('', 'v1', 'services', 'Service')
export const endpoints = ref<'core.v1.Endpoints'>('', 'v1', 'endpoints', 'Endpoints')
export const configMaps = ref<'core.v1.ConfigMap'>('', 'v1', 'configmaps', 'ConfigMap')
export const secrets = ref<'core.v1.Secret'>('', 'v1', 'secrets', 'Secret')
export const serviceAccounts = ref<'core.v1.ServiceAccount'>('', 'v1', 'serviceaccounts', 'ServiceAccount')
export const events = ref<'core.v1.Event'>('', 'v1', 'events', 'Event')
export const podTemplates = ref<'core.v1.PodTemplate'>('', 'v1', 'podtemplates', 'PodTemplate')
export const limitRanges = ref<'core.v1.LimitRange'>('', 'v1', 'limitranges', 'LimitRange')
export const resourceQuotas = ref<'core.v1.ResourceQuota'>('', 'v1', 'resourcequotas', 'ResourceQuota')
export const replicationControllers = ref<'core.v1.ReplicationController'>(
  '',
  'v1',
  'replicationcontrollers',
  'ReplicationController',
)
export const persistentVolumeClaims = ref<'core.v1.PersistentVolumeClaim'>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
)
export const persistentVolumes = ref<'core.v1.PersistentVolume'>(
  '',
  'v1',
  'persistentvolumes',
  'PersistentVolume',
  false,
)
export const volumeAttributesClasses = ref<'storage.v1.VolumeAttributesClass'>(
  'storage.k8s.io',
  'v1',
  'volumeattributesclasses',
  'VolumeAttributesClass',
  false,
)
export const serviceCidrs = ref<'networking.v1.ServiceCIDR'>(
  'networking.k8s.io',
  'v1',
  'servicecidrs',
  'ServiceCIDR',
  false,
)
export const ipAddresses = ref<'networking.v1.IPAddress'>('networking.k8s.io', 'v1', 'ipaddresses', 'IPAddress', false)
export const nodes = ref<'core.v1.Node'>('', 'v1', 'nodes', 'Node', false)
export const namespaces = ref<'core.v1.Namespace'>('', 'v1', 'namespaces', 'Namespace', false)
export const deployments = ref<'apps.v1.Deployment'>('apps', 'v1', 'deployments', 'Deployment')
export const replicaSets = ref<'apps.v1.ReplicaSet'>('apps', 'v1', 'replicasets', 'ReplicaSet')
export const statefulSets = ref<'apps.v1.StatefulSet'>('apps', 'v1', 'statefulsets', 'StatefulSet')
export const daemonSets = ref<'apps.v1.DaemonSet'>('apps', 'v1', 'daemonsets', 'DaemonSet')
export const controllerRevisions = ref<'apps.v1.ControllerRevision'>(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
)
export const jobs = ref<'batch.v1.Job'>('batch', 'v1', 'jobs', 'Job')
export const cronJobs = ref<'batch.v1.CronJob'>('batch', 'v1', 'cronjobs', 'CronJob')
export const endpointSlices = ref<'discovery.v1.EndpointSlice'>(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
)
export const leases = ref<'coordination.v1.Lease'>('coordination.k8s.io', 'v1', 'leases', 'Lease')
export const networkPolicies = ref<'networking.v1.NetworkPolicy'>(
  'networking.k8s.io',
  'v1',
  'networkpolicies',
  'NetworkPolicy',
)
export const ingresses = ref<'networking.v1.Ingress'>('networking.k8s.io', 'v1', 'ingresses', 'Ingress')
export const ingressClasses = ref<'networking.v1.IngressClass'>(
  'networking.k8s.io',
  'v1',
  'ingressclasses',
  'IngressClass',
  false,
)
export const podDisruptionBudgets = ref<'policy.v1.PodDisruptionBudget'>(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
)
export const horizontalPodAutoscalers = ref<'autoscaling.v2.HorizontalPodAutoscaler'>(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
)
export const storageClasses = ref<'storage.v1.StorageClass'>(
  'storage.k8s.io',
  'v1',
  'storageclasses',
  'StorageClass',
  false,
)
export const csiNodes = ref<'storage.v1.CSINode'>('storage.k8s.io', 'v1', 'csinodes', 'CSINode', false)
export const runtimeClasses = ref<'node.v1.RuntimeClass'>('node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass', false)
export const priorityClasses = ref<'scheduling.v1.PriorityClass'>(
  'scheduling.k8s.io',
  'v1',
  'priorityclasses',
  'PriorityClass',
  false,
)
export const clusterRoles = ref<'rbac.v1.ClusterRole'>(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterroles',
  'ClusterRole',
  false,
)
export const certificateSigningRequests = ref<'certificates.v1.CertificateSigningRequest'>(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
)
export const tokenReviews = ref<'authentication.v1.TokenReview'>(
  'authentication.k8s.io',
  'v1',
  'tokenreviews',
  'TokenReview',
  false,
)
export const subjectAccessReviews = ref<'authorization.v1.SubjectAccessReview'>(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
)

/** The path of a collection, an object or a subresource: `/apis/apps/v1/namespaces/default/deployments/web/status`. */
export function resourcePath(
  { group, version, plural, namespaced }: ResourceRef<unknown, never>,
  at: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string } = {},
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = namespaced && at.namespace !== undefined ? `/namespaces/${encodeURIComponent(at.namespace)}` : ''
  const name = at.name === undefined ? '' : `/${encodeURIComponent(at.name)}`
  const subresource = at.subresource === undefined ? '' : `/${at.subresource}`
  return `${root}${scope}/${plural}${name}${subresource}`
}
export const validatingAdmissionPolicies = ref<'admissionregistration.v1.ValidatingAdmissionPolicy'>(
  'admissionregistration.k8s.io',
  'v1',
  'validatingadmissionpolicies',
  'ValidatingAdmissionPolicy',
  false,
)
