/** Rules of security contexts. Source: `ValidateSecurityContext`, `validatePodSpecSecurityContext`. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { type Causes, each, inRange, oneOf, repeats, when } from '../meta/causes.ts'
import type { PodSecurityContext, PodSpec, SecurityContext } from './v1.ts'

const maxId = 2147483647
const sysctlName = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const sysctlRegExp = new RegExp(`^${sysctlName}$`)

type Profile = { readonly type: string; readonly localhostProfile?: string }

/** A container's security context. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  field: string,
  hostUsers: boolean,
): Causes {
  if (context === undefined) return []
  const { runAsUser, runAsGroup, procMount, privileged, allowPrivilegeEscalation, capabilities } = context
  const cannot = (what: string) =>
    invalidValue(field, context, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`)
  const noEscalation = allowPrivilegeEscalation === false
  return [
    ...validateId(runAsUser, `${field}.runAsUser`),
    ...validateId(runAsGroup, `${field}.runAsGroup`),
    ...(procMount === undefined ? [] : oneOf(`${field}.procMount`, procMount, ['Default', 'Unmasked'])),
    ...when(procMount === 'Unmasked' && hostUsers, () =>
      invalidValue(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'),
    ),
    ...validateProfile(context.seccompProfile, `${field}.seccompProfile`, 'seccomp'),
    ...validateProfile(context.appArmorProfile, `${field}.appArmorProfile`, 'AppArmor'),
    ...when(noEscalation && privileged === true, () => cannot('`privileged` to true')),
    ...when(noEscalation && (capabilities?.add ?? []).includes('CAP_SYS_ADMIN'), () =>
      cannot('`capabilities.Add` CAP_SYS_ADMIN'),
    ),
  ]
}

/** A pod's security context. */
export function validatePodSecurityContext(
  context: PodSecurityContext | undefined,
  spec: PodSpec,
  field: string,
): Causes {
  if (context === undefined) return []
  const { fsGroup, runAsUser, runAsGroup, supplementalGroups, fsGroupChangePolicy, supplementalGroupsPolicy } = context
  return [
    ...validateId(fsGroup, `${field}.fsGroup`),
    ...validateId(runAsUser, `${field}.runAsUser`),
    ...validateId(runAsGroup, `${field}.runAsGroup`),
    ...each(`${field}.supplementalGroups`, supplementalGroups, (group, path) => validateId(group, path)),
    ...validateSysctls(context, spec, `${field}.sysctls`),
    ...(fsGroupChangePolicy === undefined
      ? []
      : oneOf(`${field}.fsGroupChangePolicy`, fsGroupChangePolicy, ['Always', 'OnRootMismatch'])),
    ...(supplementalGroupsPolicy === undefined
      ? []
      : oneOf(`${field}.supplementalGroupsPolicy`, supplementalGroupsPolicy, ['Merge', 'Strict'])),
    ...(context.seLinuxChangePolicy === undefined
      ? []
      : oneOf(`${field}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive'])),
    ...validateProfile(context.seccompProfile, `${field}.seccompProfile`, 'seccomp'),
    ...validateProfile(context.appArmorProfile, `${field}.appArmorProfile`, 'AppArmor'),
    ...when(spec.shareProcessNamespace === true && spec.hostPID === true, () =>
      invalidValue(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    ),
  ]
}

function validateId(id: number | undefined, field: string): Causes {
  return id === undefined ? [] : inRange(field, id, 0, maxId)
}

function validateSysctls(
  { sysctls = [] }: PodSecurityContext,
  { hostNetwork, hostIPC }: PodSpec,
  field: string,
): Causes {
  const again = new Set(repeats(sysctls.map(({ name }) => name.replaceAll('/', '.'))))
  return each(field, sysctls, ({ name }, path, index) => {
    const dotted = name.replaceAll('/', '.')
    if (name === '') return [required(`${path}.name`)]
    return [
      ...when(name.length > 253 || !sysctlRegExp.test(name), () =>
        invalidValue(`${path}.name`, name, `must have at most 253 characters and match regex ^${sysctlName}$`),
      ),
      ...when(again.has(index), () => duplicate(`${path}.name`, name)),
      ...when(hostNetwork === true && dotted.startsWith('net.'), () =>
        invalidValue(`${path}.name`, name, "may not be specified when 'hostNetwork' is true"),
      ),
      ...when(hostIPC === true && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted), () =>
        invalidValue(`${path}.name`, name, "may not be specified when 'hostIPC' is true"),
      ),
    ]
  })
}

function validateProfile(profile: Profile | undefined, field: string, what: 'seccomp' | 'AppArmor'): Causes {
  if (profile === undefined) return []
  const { type, localhostProfile } = profile
  if ((type ?? '') === '')
    return [
      required(
        `${field}.type`,
        `type is required when ${what === 'seccomp' ? 'seccompProfile' : 'appArmorProfile'} is set`,
      ),
    ]
  return [
    ...oneOf(`${field}.type`, type, ['Localhost', 'RuntimeDefault', 'Unconfined']),
    ...when(
      type === 'Localhost' && (localhostProfile ?? '') === '',
      required(`${field}.localhostProfile`, `must be set when ${what} type is Localhost`),
    ),
    ...when(type !== 'Localhost' && localhostProfile !== undefined, () =>
      invalidValue(`${field}.localhostProfile`, localhostProfile, `can only be set when ${what} type is Localhost`),
    ),
  ]
}
