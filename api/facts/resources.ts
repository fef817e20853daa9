/**
 * Every built-in resource: names, scope, verbs, subresources and the etcd key prefix, as upstream's discovery and storage have them.
 * `verbs` is absent where all eight are served; `storagePrefix` is absent where nothing is stored.
 */
export type ResourceFacts = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  /** Absent: the kind with `List` behind it. */
  readonly listKind?: string
  readonly namespaced: boolean
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly verbs?: readonly string[]
  readonly subresources?: Readonly<Record<string, SubresourceFacts>>
  readonly storagePrefix?: string
}
export type SubresourceFacts = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly verbs: readonly string[]
}

export const resourceFacts: readonly ResourceFacts[] = [
  { group: '', version: 'v1', kind: 'Binding', plural: 'bindings', singular: 'binding', namespaced: true, verbs: ['create'] },
  { group: '', version: 'v1', kind: 'ComponentStatus', plural: 'componentstatuses', singular: 'componentstatus', namespaced: false, shortNames: ['cs'], verbs: ['get', 'list'] },
  { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', singular: 'configmap', namespaced: true, shortNames: ['cm'], storagePrefix: '/registry/configmaps' },
  { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', singular: 'endpoints', namespaced: true, shortNames: ['ep'], storagePrefix: '/registry/services/endpoints' },
  { group: '', version: 'v1', kind: 'Event', plural: 'events', singular: 'event', namespaced: true, shortNames: ['ev'], storagePrefix: '/registry/events' },
  { group: '', version: 'v1', kind: 'LimitRange', plural: 'limitranges', singular: 'limitrange', namespaced: true, shortNames: ['limits'], storagePrefix: '/registry/limitranges' },
  { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', singular: 'namespace', namespaced: false, shortNames: ['ns'], verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], subresources: { finalize: { group: '', version: 'v1', kind: 'Namespace', verbs: ['update'] }, status: { group: '', version: 'v1', kind: 'Namespace', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/namespaces' },
  { group: '', version: 'v1', kind: 'Node', plural: 'nodes', singular: 'node', namespaced: false, shortNames: ['no'], subresources: { proxy: { group: '', version: 'v1', kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }, status: { group: '', version: 'v1', kind: 'Node', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/minions' },
  { group: '', version: 'v1', kind: 'PersistentVolumeClaim', plural: 'persistentvolumeclaims', singular: 'persistentvolumeclaim', namespaced: true, shortNames: ['pvc'], subresources: { status: { group: '', version: 'v1', kind: 'PersistentVolumeClaim', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/persistentvolumeclaims' },
  { group: '', version: 'v1', kind: 'PersistentVolume', plural: 'persistentvolumes', singular: 'persistentvolume', namespaced: false, shortNames: ['pv'], subresources: { status: { group: '', version: 'v1', kind: 'PersistentVolume', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/persistentvolumes' },
  { group: '', version: 'v1', kind: 'Pod', plural: 'pods', singular: 'pod', namespaced: true, shortNames: ['po'], categories: ['all'], subresources: { attach: { group: '', version: 'v1', kind: 'PodAttachOptions', verbs: ['create', 'get'] }, binding: { group: '', version: 'v1', kind: 'Binding', verbs: ['create'] }, ephemeralcontainers: { group: '', version: 'v1', kind: 'Pod', verbs: ['get', 'patch', 'update'] }, eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] }, exec: { group: '', version: 'v1', kind: 'PodExecOptions', verbs: ['create', 'get'] }, log: { group: '', version: 'v1', kind: 'Pod', verbs: ['get'] }, portforward: { group: '', version: 'v1', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] }, proxy: { group: '', version: 'v1', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }, resize: { group: '', version: 'v1', kind: 'Pod', verbs: ['get', 'patch', 'update'] }, status: { group: '', version: 'v1', kind: 'Pod', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/pods' },
  { group: '', version: 'v1', kind: 'PodTemplate', plural: 'podtemplates', singular: 'podtemplate', namespaced: true, storagePrefix: '/registry/podtemplates' },
  { group: '', version: 'v1', kind: 'ReplicationController', plural: 'replicationcontrollers', singular: 'replicationcontroller', namespaced: true, shortNames: ['rc'], categories: ['all'], subresources: { scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }, status: { group: '', version: 'v1', kind: 'ReplicationController', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/controllers' },
  { group: '', version: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas', singular: 'resourcequota', namespaced: true, shortNames: ['quota'], subresources: { status: { group: '', version: 'v1', kind: 'ResourceQuota', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/resourcequotas' },
  { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', singular: 'secret', namespaced: true, storagePrefix: '/registry/secrets' },
  { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', singular: 'serviceaccount', namespaced: true, shortNames: ['sa'], subresources: { token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] } }, storagePrefix: '/registry/serviceaccounts' },
  { group: '', version: 'v1', kind: 'Service', plural: 'services', singular: 'service', namespaced: true, shortNames: ['svc'], categories: ['all'], subresources: { proxy: { group: '', version: 'v1', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }, status: { group: '', version: 'v1', kind: 'Service', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/services/specs' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingAdmissionPolicy', plural: 'mutatingadmissionpolicies', singular: 'mutatingadmissionpolicy', namespaced: false, categories: ['api-extensions'], storagePrefix: '/registry/mutatingadmissionpolicies' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingAdmissionPolicyBinding', plural: 'mutatingadmissionpolicybindings', singular: 'mutatingadmissionpolicybinding', namespaced: false, categories: ['api-extensions'], storagePrefix: '/registry/mutatingadmissionpolicybindings' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations', singular: 'mutatingwebhookconfiguration', namespaced: false, categories: ['api-extensions'], storagePrefix: '/registry/mutatingwebhookconfigurations' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicy', plural: 'validatingadmissionpolicies', singular: 'validatingadmissionpolicy', namespaced: false, categories: ['api-extensions'], subresources: { status: { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicy', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/validatingadmissionpolicies' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings', singular: 'validatingadmissionpolicybinding', namespaced: false, categories: ['api-extensions'], storagePrefix: '/registry/validatingadmissionpolicybindings' },
  { group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations', singular: 'validatingwebhookconfiguration', namespaced: false, categories: ['api-extensions'], storagePrefix: '/registry/validatingwebhookconfigurations' },
  { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', plural: 'customresourcedefinitions', singular: 'customresourcedefinition', namespaced: false, shortNames: ['crd', 'crds'], categories: ['api-extensions'], subresources: { status: { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/apiextensions.k8s.io/customresourcedefinitions' },
  { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService', plural: 'apiservices', singular: 'apiservice', namespaced: false, categories: ['api-extensions'], subresources: { status: { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/apiregistration.k8s.io/apiservices' },
  { group: 'apps', version: 'v1', kind: 'ControllerRevision', plural: 'controllerrevisions', singular: 'controllerrevision', namespaced: true, storagePrefix: '/registry/controllerrevisions' },
  { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', singular: 'daemonset', namespaced: true, shortNames: ['ds'], categories: ['all'], subresources: { status: { group: 'apps', version: 'v1', kind: 'DaemonSet', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/daemonsets' },
  { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', singular: 'deployment', namespaced: true, shortNames: ['deploy'], categories: ['all'], subresources: { scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }, status: { group: 'apps', version: 'v1', kind: 'Deployment', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/deployments' },
  { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', singular: 'replicaset', namespaced: true, shortNames: ['rs'], categories: ['all'], subresources: { scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }, status: { group: 'apps', version: 'v1', kind: 'ReplicaSet', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/replicasets' },
  { group: 'apps', version: 'v1', kind: 'StatefulSet', plural: 'statefulsets', singular: 'statefulset', namespaced: true, shortNames: ['sts'], categories: ['all'], subresources: { scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }, status: { group: 'apps', version: 'v1', kind: 'StatefulSet', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/statefulsets' },
  { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', singular: 'selfsubjectreview', namespaced: false, verbs: ['create'] },
  { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview', plural: 'tokenreviews', singular: 'tokenreview', namespaced: false, verbs: ['create'] },
  { group: 'authorization.k8s.io', version: 'v1', kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', singular: 'localsubjectaccessreview', namespaced: true, verbs: ['create'] },
  { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', singular: 'selfsubjectaccessreview', namespaced: false, verbs: ['create'] },
  { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', singular: 'selfsubjectrulesreview', namespaced: false, verbs: ['create'] },
  { group: 'authorization.k8s.io', version: 'v1', kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', singular: 'subjectaccessreview', namespaced: false, verbs: ['create'] },
  { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers', singular: 'horizontalpodautoscaler', namespaced: true, shortNames: ['hpa'], categories: ['all'], subresources: { status: { group: 'autoscaling', version: 'v1', kind: 'HorizontalPodAutoscaler', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/horizontalpodautoscalers' },
  { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler', plural: 'horizontalpodautoscalers', singular: 'horizontalpodautoscaler', namespaced: true, shortNames: ['hpa'], categories: ['all'], subresources: { status: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/horizontalpodautoscalers' },
  { group: 'batch', version: 'v1', kind: 'CronJob', plural: 'cronjobs', singular: 'cronjob', namespaced: true, shortNames: ['cj'], categories: ['all'], subresources: { status: { group: 'batch', version: 'v1', kind: 'CronJob', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/cronjobs' },
  { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', singular: 'job', namespaced: true, categories: ['all'], subresources: { status: { group: 'batch', version: 'v1', kind: 'Job', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/jobs' },
  { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest', plural: 'certificatesigningrequests', singular: 'certificatesigningrequest', namespaced: false, shortNames: ['csr'], subresources: { approval: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest', verbs: ['get', 'patch', 'update'] }, status: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/certificatesigningrequests' },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', singular: 'lease', namespaced: true, storagePrefix: '/registry/leases' },
  { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices', singular: 'endpointslice', namespaced: true, storagePrefix: '/registry/endpointslices' },
  { group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', singular: 'event', namespaced: true, shortNames: ['ev'], storagePrefix: '/registry/events' },
  { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'FlowSchema', plural: 'flowschemas', singular: 'flowschema', namespaced: false, subresources: { status: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'FlowSchema', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/flowschemas' },
  { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'PriorityLevelConfiguration', plural: 'prioritylevelconfigurations', singular: 'prioritylevelconfiguration', namespaced: false, subresources: { status: { group: 'flowcontrol.apiserver.k8s.io', version: 'v1', kind: 'PriorityLevelConfiguration', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/prioritylevelconfigurations' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'IngressClass', plural: 'ingressclasses', singular: 'ingressclass', namespaced: false, storagePrefix: '/registry/ingressclasses' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', plural: 'ingresses', singular: 'ingress', namespaced: true, shortNames: ['ing'], subresources: { status: { group: 'networking.k8s.io', version: 'v1', kind: 'Ingress', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/ingress' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'IPAddress', plural: 'ipaddresses', singular: 'ipaddress', namespaced: false, shortNames: ['ip'], storagePrefix: '/registry/ipaddresses' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies', singular: 'networkpolicy', namespaced: true, shortNames: ['netpol'], storagePrefix: '/registry/networkpolicies' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'ServiceCIDR', plural: 'servicecidrs', singular: 'servicecidr', namespaced: false, subresources: { status: { group: 'networking.k8s.io', version: 'v1', kind: 'ServiceCIDR', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/servicecidrs' },
  { group: 'node.k8s.io', version: 'v1', kind: 'RuntimeClass', plural: 'runtimeclasses', singular: 'runtimeclass', namespaced: false, storagePrefix: '/registry/runtimeclasses' },
  { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', singular: 'poddisruptionbudget', namespaced: true, shortNames: ['pdb'], subresources: { status: { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/poddisruptionbudgets' },
  { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', singular: 'clusterrolebinding', namespaced: false, storagePrefix: '/registry/clusterrolebindings' },
  { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole', plural: 'clusterroles', singular: 'clusterrole', namespaced: false, storagePrefix: '/registry/clusterroles' },
  { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'RoleBinding', plural: 'rolebindings', singular: 'rolebinding', namespaced: true, storagePrefix: '/registry/rolebindings' },
  { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role', plural: 'roles', singular: 'role', namespaced: true, storagePrefix: '/registry/roles' },
  { group: 'resource.k8s.io', version: 'v1', kind: 'DeviceClass', plural: 'deviceclasses', singular: 'deviceclass', namespaced: false, storagePrefix: '/registry/deviceclasses' },
  { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaim', plural: 'resourceclaims', singular: 'resourceclaim', namespaced: true, subresources: { status: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaim', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/resourceclaims' },
  { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaimTemplate', plural: 'resourceclaimtemplates', singular: 'resourceclaimtemplate', namespaced: true, storagePrefix: '/registry/resourceclaimtemplates' },
  { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceSlice', plural: 'resourceslices', singular: 'resourceslice', namespaced: false, storagePrefix: '/registry/resourceslices' },
  { group: 'scheduling.k8s.io', version: 'v1', kind: 'PriorityClass', plural: 'priorityclasses', singular: 'priorityclass', namespaced: false, shortNames: ['pc'], storagePrefix: '/registry/priorityclasses' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'CSIDriver', plural: 'csidrivers', singular: 'csidriver', namespaced: false, storagePrefix: '/registry/csidrivers' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'CSINode', plural: 'csinodes', singular: 'csinode', namespaced: false, storagePrefix: '/registry/csinodes' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'CSIStorageCapacity', plural: 'csistoragecapacities', singular: 'csistoragecapacity', namespaced: true, storagePrefix: '/registry/csistoragecapacities' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'StorageClass', plural: 'storageclasses', singular: 'storageclass', namespaced: false, shortNames: ['sc'], storagePrefix: '/registry/storageclasses' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttachment', plural: 'volumeattachments', singular: 'volumeattachment', namespaced: false, subresources: { status: { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttachment', verbs: ['get', 'patch', 'update'] } }, storagePrefix: '/registry/volumeattachments' },
  { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttributesClass', plural: 'volumeattributesclasses', singular: 'volumeattributesclass', namespaced: false, shortNames: ['vac'], storagePrefix: '/registry/volumeattributesclasses' },
]

/** The facts of one resource; throws for a name that is not in the table, which is a bug. */
export function factsOf(group: string, plural: string, version = 'v1'): ResourceFacts {
  const found = resourceFacts.find((facts) => facts.group === group && facts.plural === plural && facts.version === version)
  if (found === undefined) throw new TypeError(`No facts of ${group}/${version} ${plural}`)
  return found
}
