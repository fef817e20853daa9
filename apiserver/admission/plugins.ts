/** Every admission plugin in upstream's order. */
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { loopbackUser } from '../authn/user.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { ServiceAllocatorOptions } from '../registry/service-allocator.ts'
import { serviceAllocation } from '../registry/service-allocator.ts'
import type { Store } from '../registry/store.ts'
import type { Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { alwaysAdmit, alwaysDeny } from './always.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import {
  certificateApproval,
  certificateRequester,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.ts'
import { claimResize } from './claim-resize.ts'
import { defaultIngressClass, defaultStorageClass, storageObjectInUseProtection } from './default-classes.ts'
import { defaultTolerationSeconds, type TolerationSeconds } from './default-toleration-seconds.ts'
import { denyServiceExternalIps } from './deny-service-external-ips.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { limitRanger } from './limit-ranger.ts'
import { offByDefault } from './names.ts'
import { namespaceAutoProvision, namespaceExists } from './namespace-exists.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeDeclaredFeatures } from './node-declared-features.ts'
import { nodeRestriction } from './node-restriction.ts'
import { ownerReferencesPermissionEnforcement } from './owner-references.ts'
import { limitPodHardAntiAffinityTopology } from './pod-anti-affinity.ts'
import { podNodeSelector } from './pod-node-selector.ts'
import { podResizeValidator } from './pod-resize.ts'
import { podSecurity } from './pod-security.ts'
import type { PodSecurityConfig } from './pod-security-policy.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'
import type { PolicyOptions } from './policy/invocation.ts'
import { mutatingPolicies } from './policy/mutating.ts'
import { parameterAccess } from './policy/parameter-access.ts'
import { validatingPolicies } from './policy/validating.ts'
import { priorityAdmission } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { asApiObject } from './request.ts'
import { resourceClaimAccess } from './resource-claim-access.ts'
import { type QuotaOptions, resourceQuota } from './resource-quota.ts'
import { runtimeClassAdmission } from './runtime-class.ts'
import { serviceAccountAdmission } from './service-account.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'
import type { Equivalents } from './webhook/match.ts'
import { mutatingWebhooks } from './webhook/mutating.ts'
import { validatingWebhooks } from './webhook/validating.ts'

export type AdmissionOptions = {
  readonly lookup: Lookup
  readonly authorizer: Authorizer
  readonly store: Pick<Store, 'resource' | 'update' | 'create'>
  readonly services: Omit<ServiceAllocatorOptions, 'reader' | 'clock'>
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly schemas: Schemas
  /** Other served versions of the same stored objects. */
  readonly equivalents: Equivalents
  /** What finds the kinds of policies' parameters, and what counts what policies do. */
  readonly policies: Pick<PolicyOptions, 'resourceOfKind' | 'metrics'>
  readonly tolerationSeconds: TolerationSeconds
  readonly podSecurity?: PodSecurityConfig
  /** `--enable-admission-plugins`: of those that are off by default. */
  readonly enabled?: readonly string[]
  /** `--disable-admission-plugins`. */
  readonly disabled?: readonly string[]
}

/** The plugins that run; what belongs to storage upstream (escalation, allocation) cannot be disabled. */
export function admissionPlugins(options: AdmissionOptions): readonly AdmissionPlugin[] {
  const { lookup, store, authorizer, services, clock, random, tolerationSeconds, enabled = [], disabled = [] } = options
  const { schemas, equivalents, logger } = options
  const { reader } = lookup
  const webhooks = { lookup, random, logger, equivalents, authorizer }
  const policies = { ...options.policies, lookup, equivalents, authorizer, schemas }
  const plugins = [
    alwaysAdmit,
    namespaceAutoProvision(lookup, store),
    namespaceLifecycle(lookup),
    namespaceExists(lookup),
    limitPodHardAntiAffinityTopology,
    limitRanger(reader),
    serviceAccountAdmission({ lookup, clock, random }),
    nodeRestriction(lookup, authorizer),
    taintNodesByCondition,
    alwaysPullImages,
    podSecurity(lookup, options.podSecurity),
    podNodeSelector(lookup),
    priorityAdmission(reader),
    defaultTolerationSeconds(tolerationSeconds),
    extendedResourceToleration,
    defaultStorageClass(reader),
    storageObjectInUseProtection,
    ownerReferencesPermissionEnforcement({ authorizer, resourceOfKind: options.policies.resourceOfKind }),
    claimResize(reader),
    runtimeClassAdmission(reader),
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(reader),
    denyServiceExternalIps,
    podTopologyLabels(reader),
    nodeDeclaredFeatures(reader),
    podResizeValidator(reader),
    mutatingPolicies(policies),
    mutatingWebhooks({ ...webhooks, schemas }),
    validatingPolicies(policies),
    validatingWebhooks(webhooks),
    resourceQuota({ reader, clock, resource: store.resource, writeStatus: quotaStatusWriter(store) }),
    alwaysDeny,
  ]
  return [
    ...plugins.filter(
      ({ name }) => !disabled.includes(name) && (!offByDefault.includes(name) || enabled.includes(name)),
    ),
    certificateRequester,
    rbacEscalation({ reader, authorizer }),
    resourceClaimAccess({ lookup, authorizer }),
    parameterAccess({ reader, authorizer, resourceOfKind: options.policies.resourceOfKind }),
    serviceAllocation({ ...services, reader, clock }),
  ]
}

/** Records what a quota's namespace uses. The count is made anew each time, so a lost write does no harm. */
function quotaStatusWriter(store: Pick<Store, 'resource' | 'update'>): QuotaOptions['writeStatus'] {
  return async ({ metadata, status }, signal) => {
    const resource = store.resource('', 'resourcequotas')
    if (resource === undefined) return
    const key = { namespace: metadata.namespace ?? '', name: metadata.name }
    const options = { user: loopbackUser, subresource: 'status' }
    await store.update(resource, key, (current) => asApiObject({ ...current, status }), options, signal)
  }
}
