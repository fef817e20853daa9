/** Rules of pods for Windows, and of pods that name their system. Source: `validateWindows`, `validateLinux`, `validateWindowsSecurityContextOptions`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, invalidValues, oneOf, when } from '../meta/causes.ts'
import { byteLength } from '../meta/validation.ts'
import { eachContainer } from './pod-containers.ts'
import type { PodSpec, WindowsSecurityContextOptions } from './v1.ts'

const kibibyte = 1024
const maxSpecKibibytes = 64

/** What only Windows has in a security context. */
export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, field: string): Causes {
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options ?? {}
  const specField = `${field}.gmsaCredentialSpec`
  return [
    ...(gmsaCredentialSpecName === undefined
      ? []
      : invalidValues(
          `${field}.gmsaCredentialSpecName`,
          gmsaCredentialSpecName,
          isDns1123Subdomain(gmsaCredentialSpecName),
        )),
    ...when(gmsaCredentialSpec === '', () =>
      invalidValue(specField, gmsaCredentialSpec, 'gmsaCredentialSpec cannot be an empty string'),
    ),
    ...when(byteLength(gmsaCredentialSpec ?? '') > maxSpecKibibytes * kibibyte, () =>
      invalidValue(specField, gmsaCredentialSpec, `gmsaCredentialSpec size must be under ${maxSpecKibibytes} KiB`),
    ),
    ...(runAsUserName === undefined
      ? []
      : invalidValues(`${field}.runAsUserName`, runAsUserName, isWindowsUser(runAsUserName))),
  ]
}

const maxDomain = 256
const maxUser = 104
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const dnsName = new RegExp(`^${label}(?:\\.${label})*$`)
const userForbidden = /["/\\:;|=,+*?<>@[\]]/

/** Messages for `user` or `DOMAIN\user`. */
function isWindowsUser(name: string): readonly string[] {
  if (name === '') return ['runAsUserName cannot be an empty string']
  if (/\p{Cc}/u.test(name)) return ['runAsUserName cannot contain control characters']
  const parts = name.split('\\')
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const user = parts.at(-1) ?? ''
  const domain = parts.length === 2 ? (parts[0] ?? '') : undefined
  return [...(domain === undefined ? [] : isDomain(domain)), ...isUser(user)]
}

function isDomain(domain: string): readonly string[] {
  if (byteLength(domain) >= maxDomain) {
    return [`runAsUserName's Domain length must be under ${maxDomain} characters`]
  }
  return netBiosName.test(domain) || dnsName.test(domain)
    ? []
    : ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]
}

function isUser(user: string): readonly string[] {
  const length = byteLength(user)
  if (length === 0) return ["runAsUserName's User cannot be empty"]
  if (length > maxUser) return [`runAsUserName's User length must not be longer than ${maxUser} characters`]
  return [
    ...(/^[. ]+$/.test(user) ? [`runAsUserName's User cannot contain only periods or spaces`] : []),
    ...(userForbidden.test(user)
      ? [`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`]
      : []),
  ]
}

/** Host processes are all or none, and use the node's network. Source: `validateWindowsHostProcessPod`. */
export function validateHostProcess(spec: PodSpec, field: string): Causes {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  const containers = eachContainer(spec, field)
  const own = containers.map(({ container, path }) => ({
    value: container.securityContext?.windowsOptions?.hostProcess,
    path: `${path}.securityContext.windowsOptions.hostProcess`,
  }))
  const count = own.filter(({ value }) => value ?? ofPod ?? false).length
  return [
    ...own.flatMap(({ value, path }) =>
      when(ofPod !== undefined && value !== undefined && ofPod !== value, () =>
        invalidValue(path, value, `pod hostProcess value must be identical if both are specified, was ${ofPod}`),
      ),
    ),
    ...when(count > 0 && count !== containers.length, () =>
      invalidValue(
        field,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    ),
    ...when(count > 0 && spec.hostNetwork !== true, () =>
      invalidValue(
        `${field}.hostNetwork`,
        false,
        'hostNetwork must be true if pod contains any hostProcess containers',
      ),
    ),
  ]
}

/** The system that the pod is for, and what it rules out. */
export function validateOs(spec: PodSpec, field: string): Causes {
  if (spec.os === undefined) return []
  if (spec.os.name === '') return [required(`${field}.os.name`)]
  const unknown = oneOf(`${field}.os`, spec.os.name, ['linux', 'windows'])
  if (unknown.length > 0) return unknown
  return spec.os.name === 'linux' ? validateLinux(spec, field) : validateWindows(spec, field)
}

function validateLinux(spec: PodSpec, field: string): Causes {
  const message = 'windows options cannot be set for a linux pod'
  const paths = [
    { context: spec.securityContext, path: field },
    ...eachContainer(spec, field).map(({ container, path }) => ({ context: container.securityContext, path })),
  ]
  return paths.flatMap(({ context, path }) =>
    when(context?.windowsOptions !== undefined, forbiddenField(`${path}.securityContext.windowsOptions`, message)),
  )
}

/** Fields of the spec, by path, that mean nothing on Windows. */
const notInWindowsPods = [
  'securityContext.appArmorProfile',
  'securityContext.seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'securityContext.seccompProfile',
  'securityContext.fsGroup',
  'securityContext.fsGroupChangePolicy',
  'securityContext.sysctls',
  'shareProcessNamespace',
  'securityContext.runAsUser',
  'securityContext.runAsGroup',
  'securityContext.supplementalGroups',
  'securityContext.supplementalGroupsPolicy',
  'securityContext.seLinuxChangePolicy',
]
const notInWindowsContainers = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
]

function validateWindows(spec: PodSpec, field: string): Causes {
  const fields = new Map<string, unknown>([
    ...Object.entries(spec),
    ...Object.entries(spec.securityContext ?? {}).map(([key, value]) => [`securityContext.${key}`, value] as const),
  ])
  const cannot = (path: string) => forbiddenField(path, 'cannot be set for a windows pod')
  return [
    ...notInWindowsPods.filter((path) => isSet(fields.get(path))).map((path) => cannot(`${field}.${path}`)),
    ...eachContainer(spec, field).flatMap(({ container, path }) => {
      const own = new Map<string, unknown>(Object.entries(container.securityContext ?? {}))
      return notInWindowsContainers.filter((key) => own.has(key)).map((key) => cannot(`${path}.securityContext.${key}`))
    }),
  ]
}

function isSet(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0)
}
