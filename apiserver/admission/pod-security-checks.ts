/**
 * The Pod Security Standards as checks on a pod's spec. Pure. Each check returns what is wrong in upstream's words, or
 * nothing. Source: "Pod Security Standards", the rules of the current version.
 */
import type { Container, Pod } from '../../api/core/v1.ts'

export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted'

/** What a pod looks like to the checks: metadata for annotations, spec for the rest. */
export type PodLike = { readonly metadata: Pick<Pod['metadata'], 'annotations'>; readonly spec: Pod['spec'] }

/** `reason (detail)`. */
export type Violation = { readonly reason: string; readonly detail: string }

type Check = (pod: PodLike) => Violation | undefined

/** Everything in which a pod violates a level, in upstream's order. */
export function violations(level: PodSecurityLevel, pod: PodLike): readonly Violation[] {
  const checks = level === 'privileged' ? [] : level === 'baseline' ? baselineChecks : restrictedChecks
  return checks.flatMap((check) => check(pod) ?? [])
}

/** `privileged (container "a" must not …), hostPort (…)`. */
export function describeViolations(found: readonly Violation[]): string {
  return found.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ')
}

function allContainers({ spec }: PodLike): readonly Container[] {
  // Ephemeral containers have the same fields where security is concerned.
  const ephemeral = (spec.ephemeralContainers ?? []) as readonly unknown[] as readonly Container[]
  return [...(spec.initContainers ?? []), ...spec.containers, ...ephemeral]
}

function quoted(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ')
}

function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many
}

function containersNamed(names: readonly string[]): string {
  return `${plural(names.length, 'container', 'containers')} ${quoted(names)}`
}

function sortedSet(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toSorted()
}

function isWindows({ spec }: PodLike): boolean {
  return spec.os?.name === 'windows'
}

/** Names of the containers for which `isBad` holds, and the violation that they make. */
function byContainer(
  reason: string,
  isBad: (container: Container) => boolean,
  detail: (names: string) => string,
): Check {
  return (pod) => {
    const names = allContainers(pod)
      .filter(isBad)
      .map(({ name }) => name)
    return names.length === 0 ? undefined : { reason, detail: detail(containersNamed(names)) }
  }
}

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const appArmor: Check = (pod) => {
  const isAllowed = (value: string): boolean =>
    value === '' || value === 'runtime/default' || value.startsWith('localhost/')
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && !isAllowed(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted()
  const isBad = (profile: { readonly type: string } | undefined): boolean =>
    profile !== undefined && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost'
  const setters = settersOf(pod, isBad(pod.spec.securityContext?.appArmorProfile), ({ securityContext }) =>
    isBad(securityContext?.appArmorProfile),
  )
  const values = sortedSet(
    [pod.spec.securityContext, ...allContainers(pod).map(({ securityContext }) => securityContext)].flatMap(
      (context) => (isBad(context?.appArmorProfile) ? [context?.appArmorProfile?.type ?? ''] : []),
    ),
  )
  const details = [
    ...(setters === '' ? [] : [`${setters} must not set AppArmor profile type to ${quoted(values)}`]),
    ...annotations,
  ]
  if (details.length === 0) return undefined
  return {
    reason: `forbidden AppArmor ${plural(values.length + annotations.length, 'profile', 'profiles')}`,
    detail: details.join(', '),
  }
}

/** `pod and container "a"`: who sets something bad. */
function settersOf(pod: PodLike, isPodBad: boolean, isBad: (container: Container) => boolean): string {
  const names = allContainers(pod)
    .filter(isBad)
    .map(({ name }) => name)
  return [...(isPodBad ? ['pod'] : []), ...(names.length === 0 ? [] : [containersNamed(names)])].join(' and ')
}

const defaultCapabilities = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
)

function addedBeyond(
  pod: PodLike,
  allowed: ReadonlySet<string>,
): { names: readonly string[]; values: readonly string[] } {
  const bad = allContainers(pod).flatMap(({ name, securityContext }) => {
    const values = (securityContext?.capabilities?.add ?? []).filter((one) => !allowed.has(one))
    return values.length === 0 ? [] : [{ name, values }]
  })
  return { names: bad.map(({ name }) => name), values: sortedSet(bad.flatMap(({ values }) => values)) }
}

const capabilitiesBaseline: Check = (pod) => {
  const { names, values } = addedBeyond(pod, defaultCapabilities)
  if (names.length === 0) return undefined
  const detail = `${containersNamed(names)} must not include ${quoted(values)} in securityContext.capabilities.add`
  return { reason: 'non-default capabilities', detail }
}

const capabilitiesRestricted: Check = (pod) => {
  if (isWindows(pod)) return undefined
  const undropped = allContainers(pod)
    .filter(({ securityContext }) => securityContext?.capabilities?.drop?.includes('ALL') !== true)
    .map(({ name }) => name)
  const { names, values } = addedBeyond(pod, new Set(['NET_BIND_SERVICE']))
  const details = [
    ...(undropped.length === 0
      ? []
      : [`${containersNamed(undropped)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(names.length === 0
      ? []
      : [`${containersNamed(names)} must not include ${quoted(values)} in securityContext.capabilities.add`]),
  ]
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true)
  return used.length === 0
    ? undefined
    : { reason: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') }
}

const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name)
  if (names.length === 0) return undefined
  return { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume', 'volumes')} ${quoted(names)}` }
}

const hostPorts: Check = (pod) => {
  const bad = allContainers(pod).flatMap(({ name, ports }) => {
    const used = (ports ?? []).map(({ hostPort }) => hostPort ?? 0).filter((port) => port !== 0)
    return used.length === 0 ? [] : [{ name, used }]
  })
  if (bad.length === 0) return undefined
  const ports = sortedSet(bad.flatMap(({ used }) => used.map(String)))
  const uses = `${plural(bad.length, 'uses', 'use')} ${plural(ports.length, 'hostPort', 'hostPorts')}`
  return { reason: 'hostPort', detail: `${containersNamed(bad.map(({ name }) => name))} ${uses} ${ports.join(', ')}` }
}

const hostProbes: Check = (pod) => {
  const bad = allContainers(pod).flatMap(({ name, livenessProbe, readinessProbe, startupProbe, lifecycle }) => {
    const handlers = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
    const hosts = handlers
      .flatMap((handler) => [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? ''])
      .filter((host) => host !== '')
    return hosts.length === 0 ? [] : [{ name, hosts }]
  })
  if (bad.length === 0) return undefined
  const hosts = sortedSet(bad.flatMap((one) => one.hosts))
  const uses = `${plural(bad.length, 'uses', 'use')} probe or lifecycle ${plural(hosts.length, 'host', 'hosts')}`
  return {
    reason: 'probe or lifecycle host',
    detail: `${containersNamed(bad.map(({ name }) => name))} ${uses} ${quoted(hosts)}`,
  }
}

const privileged = byContainer(
  'privileged',
  ({ securityContext }) => securityContext?.privileged === true,
  (names) => `${names} must not set securityContext.privileged=true`,
)

/** Pods with a user namespace of their own may unmask /proc at the baseline level. */
function procMount(isAllowedForUserNamespaces: boolean): Check {
  return (pod) => {
    if (isAllowedForUserNamespaces && pod.spec.hostUsers === false) return undefined
    const bad = allContainers(pod).filter(
      ({ securityContext }) => (securityContext?.procMount ?? 'Default') !== 'Default',
    )
    if (bad.length === 0) return undefined
    const values = sortedSet(bad.map(({ securityContext }) => securityContext?.procMount ?? ''))
    return {
      reason: 'procMount',
      detail: `${containersNamed(bad.map(({ name }) => name))} must not set securityContext.procMount to ${quoted(values)}`,
    }
  }
}

const seLinuxTypes = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'])
type SeLinuxOptions = { readonly type?: string; readonly user?: string; readonly role?: string }

const seLinux: Check = (pod) => {
  const isBad = ({ type = '', user = '', role = '' }: SeLinuxOptions = {}): boolean =>
    !seLinuxTypes.has(type) || user !== '' || role !== ''
  const setters = settersOf(pod, isBad(pod.spec.securityContext?.seLinuxOptions), ({ securityContext }) =>
    isBad(securityContext?.seLinuxOptions),
  )
  if (setters === '') return undefined
  const all: readonly SeLinuxOptions[] = [pod.spec, ...allContainers(pod)].flatMap(
    ({ securityContext }) => securityContext?.seLinuxOptions ?? [],
  )
  const types = sortedSet(all.map(({ type = '' }) => type).filter((type) => !seLinuxTypes.has(type)))
  const data = [
    ...(types.length === 0 ? [] : [`${plural(types.length, 'type', 'types')} ${quoted(types)}`]),
    ...(all.some(({ user = '' }) => user !== '') ? ['user may not be set'] : []),
    ...(all.some(({ role = '' }) => role !== '') ? ['role may not be set'] : []),
  ]
  return {
    reason: 'seLinuxOptions',
    detail: `${setters} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`,
  }
}

const seccompBaseline: Check = (pod) => {
  const isBad = (profile: { readonly type: string } | undefined): boolean => profile?.type === 'Unconfined'
  const setters = settersOf(pod, isBad(pod.spec.securityContext?.seccompProfile), ({ securityContext }) =>
    isBad(securityContext?.seccompProfile),
  )
  if (setters === '') return undefined
  return {
    reason: 'seccompProfile',
    detail: `${setters} must not set securityContext.seccompProfile.type to "Unconfined"`,
  }
}

const seccompRestricted: Check = (pod) => {
  if (isWindows(pod)) return undefined
  const isGood = (type: string | undefined): boolean => type === 'RuntimeDefault' || type === 'Localhost'
  const podType = pod.spec.securityContext?.seccompProfile?.type
  const isBad = (type: string | undefined): boolean => type !== undefined && !isGood(type)
  const setters = settersOf(pod, isBad(podType), ({ securityContext }) => isBad(securityContext?.seccompProfile?.type))
  if (setters !== '') {
    const types = [pod.spec, ...allContainers(pod)].map(({ securityContext }) => securityContext?.seccompProfile?.type)
    const values = sortedSet(types.flatMap((type) => (type !== undefined && isBad(type) ? [type] : [])))
    return {
      reason: 'seccompProfile',
      detail: `${setters} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
    }
  }
  if (isGood(podType)) return undefined
  const unset = allContainers(pod)
    .filter(({ securityContext }) => securityContext?.seccompProfile === undefined)
    .map(({ name }) => name)
  if (unset.length === 0) return undefined
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersNamed(unset)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  }
}

const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

const sysctls: Check = ({ spec }) => {
  const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !safeSysctls.has(name))
  return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') }
}

const windowsHostProcess: Check = (pod) => {
  const setters = settersOf(
    pod,
    pod.spec.securityContext?.windowsOptions?.hostProcess === true,
    ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true,
  )
  return setters === ''
    ? undefined
    : { reason: 'hostProcess', detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` }
}

const allowPrivilegeEscalation: Check = (pod) =>
  isWindows(pod)
    ? undefined
    : byContainer(
        'allowPrivilegeEscalation != false',
        ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
        (names) => `${names} must set securityContext.allowPrivilegeEscalation=false`,
      )(pod)

const restrictedVolumeTypes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

const restrictedVolumes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).flatMap((volume) => {
    const types = Object.keys(volume).filter((field) => field !== 'name' && !restrictedVolumeTypes.has(field))
    return types.length === 0 ? [] : [{ name: volume.name, types }]
  })
  if (bad.length === 0) return undefined
  const types = sortedSet(bad.flatMap((one) => one.types))
  const volumes = `${plural(bad.length, 'volume', 'volumes')} ${quoted(bad.map(({ name }) => name))}`
  const uses = `${plural(bad.length, 'uses', 'use')} restricted volume ${plural(types.length, 'type', 'types')}`
  return { reason: 'restricted volume types', detail: `${volumes} ${uses} ${quoted(types)}` }
}

const runAsNonRoot: Check = (pod) => {
  // A user namespace makes the container's root an ordinary user of the host.
  if (pod.spec.hostUsers === false) return undefined
  const reason = 'runAsNonRoot != true'
  const ofPod = pod.spec.securityContext?.runAsNonRoot
  const explicit = settersOf(pod, ofPod === false, ({ securityContext }) => securityContext?.runAsNonRoot === false)
  if (explicit !== '') return { reason, detail: `${explicit} must not set securityContext.runAsNonRoot=false` }
  if (ofPod === true) return undefined
  const unset = allContainers(pod)
    .filter(({ securityContext }) => securityContext?.runAsNonRoot === undefined)
    .map(({ name }) => name)
  if (unset.length === 0) return undefined
  return { reason, detail: `pod or ${containersNamed(unset)} must set securityContext.runAsNonRoot=true` }
}

const runAsUser: Check = (pod) => {
  if (pod.spec.hostUsers === false) return undefined
  const setters = settersOf(
    pod,
    pod.spec.securityContext?.runAsUser === 0,
    ({ securityContext }) => securityContext?.runAsUser === 0,
  )
  return setters === '' ? undefined : { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` }
}

const baselineChecks: readonly Check[] = [
  appArmor,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbes,
  privileged,
  procMount(true),
  seLinux,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
]

/** What baseline checks and restricted does not check more strictly itself, then restricted's own. */
const restrictedChecks: readonly Check[] = [
  appArmor,
  hostNamespaces,
  hostPorts,
  hostProbes,
  privileged,
  seLinux,
  sysctls,
  windowsHostProcess,
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  procMount(false),
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
]
