/** Every admission plugin in upstream's order. */
import type { Clock } from '../../component-base/clock.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { ServiceAllocatorOptions } from '../registry/service-allocator.ts'
import { serviceAllocation } from '../registry/service-allocator.ts'
import type { Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { defaultIngressClass, defaultStorageClass, storageObjectInUseProtection } from './default-classes.ts'
import { defaultTolerationSeconds, type TolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { priorityAdmission } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import { runtimeClassAdmission } from './runtime-class.ts'
import { serviceAccountAdmission } from './service-account.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

export type AdmissionOptions = {
  readonly lookup: Lookup
  readonly authorizer: Authorizer
  readonly services: Omit<ServiceAllocatorOptions, 'reader' | 'clock'>
  readonly clock: Clock
  readonly random: () => number
  readonly tolerationSeconds: TolerationSeconds
  /** `--disable-admission-plugins`. */
  readonly disabled?: readonly string[]
}

/** The plugins that run; what belongs to storage upstream (escalation, allocation) cannot be disabled. */
export function admissionPlugins(options: AdmissionOptions): readonly AdmissionPlugin[] {
  const { lookup, authorizer, services, clock, random, tolerationSeconds, disabled = [] } = options
  const { reader } = lookup
  const plugins = [
    namespaceLifecycle(lookup),
    limitRanger(reader),
    serviceAccountAdmission({ lookup, clock, random }),
    taintNodesByCondition,
    priorityAdmission(reader),
    defaultTolerationSeconds(tolerationSeconds),
    defaultStorageClass(reader),
    storageObjectInUseProtection,
    runtimeClassAdmission(reader),
    defaultIngressClass(reader),
  ]
  return [
    ...plugins.filter(({ name }) => !disabled.includes(name)),
    rbacEscalation({ reader, authorizer }),
    serviceAllocation({ ...services, reader, clock }),
  ]
}
