/** Rules of security contexts. Source: `ValidateSecurityContext`, `validatePodSpecSecurityContext`. */
import { duplicate, invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import { asInternal, type Causes, each, inRange, oneOf, repeats, when } from '../meta/causes.ts'
import { byteLength } from '../meta/validation.ts'
import { descendingPath } from './local-path.ts'
import type { PodSecurityContext, PodSpec, SecurityContext } from './v1.ts'
import { validateWindowsOptions } from './windows-pod.ts'

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
    invalidValue(
      field,
      asInternal(context, internalContext),
      `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
    )
  const noEscalation = allowPrivilegeEscalation === false
  return [
    ...validateId(runAsUser, `${field}.runAsUser`),
    ...validateId(runAsGroup, `${field}.runAsGroup`),
    ...(procMount === undefined ? [] : oneOf(`${field}.procMount`, procMount, ['Default', 'Unmasked'])),
    ...when(procMount === 'Unmasked' && hostUsers, () =>
      invalidValue(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'),
    ),
    ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`),
    ...when(noEscalation && privileged === true, () => cannot('`privileged` to true')),
    ...when(noEscalation && (capabilities?.add ?? []).includes('CAP_SYS_ADMIN'), () =>
      cannot('`capabilities.Add` CAP_SYS_ADMIN'),
    ),
    ...validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`),
  ]
}

/** A pod's security context. */
export function validatePodSecurityContext(
  context: PodSecurityContext | undefined,
  spec: PodSpec,
  field: string,
): Causes {
  if (context === undefined) return []
  const { fsGroup, runAsUser, runAsGroup, supplementalGroups } = context
  const { fsGroupChangePolicy, supplementalGroupsPolicy, seLinuxChangePolicy } = context
  return [
    ...validateId(fsGroup, `${field}.fsGroup`),
    ...validateId(runAsUser, `${field}.runAsUser`),
    ...validateId(runAsGroup, `${field}.runAsGroup`),
    ...each(`${field}.supplementalGroups`, supplementalGroups, (group, path) => validateId(group, path)),
    ...when(spec.shareProcessNamespace === true && spec.hostPID === true, () =>
      invalidValue(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    ),
    ...validateSysctls(context, spec, `${field}.sysctls`),
    ...(fsGroupChangePolicy === undefined
      ? []
      : oneOf(`${field}.fsGroupChangePolicy`, fsGroupChangePolicy, ['Always', 'OnRootMismatch'])),
    ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`),
    ...validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`),
    ...(supplementalGroupsPolicy === undefined
      ? []
      : oneOf(`${field}.supplementalGroupsPolicy`, supplementalGroupsPolicy, ['Merge', 'Strict'])),
    // Mounting with a label needs the feature SELinuxMount, which is off.
    ...(seLinuxChangePolicy === undefined
      ? []
      : oneOf(`${field}.seLinuxChangePolicy`, seLinuxChangePolicy, ['Recursive'])),
  ]
}

function validateId(id: number | undefined, field: string): Causes {
  return id === undefined ? [] : inRange(field, id, 0, maxId)
}

const maxSysctl = 253

function validateSysctls(
  { sysctls = [] }: PodSecurityContext,
  { hostNetwork, hostIPC }: PodSpec,
  field: string,
): Causes {
  const again = new Set(repeats(sysctls.map(({ name }) => name)))
  return each(field, sysctls, ({ name }, path, index) => {
    const dotted = name.replaceAll('/', '.')
    return [
      ...validateSysctlName(name, `${path}.name`, again.has(index)),
      ...when(hostNetwork === true && dotted.startsWith('net.'), () =>
        invalidValue(`${path}.name`, name, "may not be specified when 'hostNetwork' is true"),
      ),
      ...when(hostIPC === true && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted), () =>
        invalidValue(`${path}.name`, name, "may not be specified when 'hostIPC' is true"),
      ),
    ]
  })
}

function validateSysctlName(name: string, field: string, again: boolean): Causes {
  if (name === '') return [required(field)]
  if (name.length > maxSysctl || !sysctlRegExp.test(name)) {
    return [invalidValue(field, name, `must have at most ${maxSysctl} characters and match regex ^${sysctlName}$`)]
  }
  return when(again, () => duplicate(field, name))
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']
const internalSeccomp = [
  ['Type', 'type', ''],
  ['LocalhostProfile', 'localhostProfile'],
] as const

function validateSeccomp(profile: Profile | undefined, field: string): Causes {
  if (profile === undefined) return []
  const { type, localhostProfile } = profile
  const path = `${field}.localhostProfile`
  const found =
    type === ''
      ? [required(`${field}.type`, 'type is required when seccompProfile is set')]
      : oneOf(`${field}.type`, type, profileTypes)
  if (type !== 'Localhost') {
    const shown = asInternal(profile, internalSeccomp)
    return [
      ...found,
      ...when(localhostProfile !== undefined, () =>
        invalidValue(path, shown, 'can only be set when seccomp type is Localhost'),
      ),
    ]
  }
  return localhostProfile === undefined
    ? [required(path, 'must be set when seccomp type is Localhost')]
    : descendingPath(localhostProfile, path)
}

/** The longest path that Linux takes. Source: PATH_MAX - 1. */
const maxProfile = 4095

function validateAppArmor(profile: Profile | undefined, field: string): Causes {
  if (profile === undefined) return []
  const { type, localhostProfile } = profile
  if (type === '') return [required(`${field}.type`, 'type is required when appArmorProfile is set')]
  if (!profileTypes.includes(type)) return oneOf(`${field}.type`, type, profileTypes)
  const path = `${field}.localhostProfile`
  if (type === 'Localhost') return validateProfileName(localhostProfile, path)
  return when(localhostProfile !== undefined, () =>
    invalidValue(path, localhostProfile, 'can only be set when AppArmor type is Localhost'),
  )
}

function validateProfileName(name: string | undefined, field: string): Causes {
  const missing = required(field, 'must be set when AppArmor type is Localhost')
  if (name === undefined || name === '') return [missing]
  return [
    ...when(name.trim() !== name, () => invalidValue(field, name, 'must not be padded with whitespace')),
    ...when(byteLength(name) > maxProfile, tooLong(field, maxProfile)),
  ]
}

const internalContext = [
  ['Capabilities', 'capabilities'],
  ['Privileged', 'privileged'],
  ['SELinuxOptions', 'seLinuxOptions'],
  ['WindowsOptions', 'windowsOptions'],
  ['RunAsUser', 'runAsUser'],
  ['RunAsGroup', 'runAsGroup'],
  ['RunAsNonRoot', 'runAsNonRoot'],
  ['ReadOnlyRootFilesystem', 'readOnlyRootFilesystem'],
  ['AllowPrivilegeEscalation', 'allowPrivilegeEscalation'],
  ['ProcMount', 'procMount'],
  ['SeccompProfile', 'seccompProfile'],
  ['AppArmorProfile', 'appArmorProfile'],
] as const
