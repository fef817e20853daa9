/**
 * The Pod Security Standards as checks on a pod's spec, at all their versions. Pure. Each check returns what is wrong in
 * upstream's words, or nothing. Source: "Pod Security Standards"; `pod-security-admission/policy`.
 */
import type { Container, Pod } from '../../api/core/v1.ts'

export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted'

/** What a pod looks like to the checks: metadata for annotations, spec for the rest. */
export type PodLike = { readonly metadata: Pick<Pod['metadata'], 'annotations'>; readonly spec: Pod['spec'] }

/** `reason (detail)`. */
export type Violation = { readonly reason: string; readonly detail: string }

type Check = (pod: PodLike) => Violation | undefined

/** Everything in which a pod violates a level at a version (`latest` or `v1.x`), in upstream's order. */
export function violations(level: PodSecurityLevel, version: string, pod: PodLike): readonly Violation[] {
  return checksFor(level, minorOf(version)).flatMap((check) => check(pod) ?? [])
}

function minorOf(version: string): number {
  const minor = /^v1\.(\d+)$/.exec(version)?.[1]
  return minor === undefined ? Number.POSITIVE_INFINITY : Number(minor)
}

/** Baseline's checks come first; restricted leaves out those that it replaces by stricter ones of its own. */
function checksFor(level: PodSecurityLevel, minor: number): readonly Check[] {
  if (level === 'privileged') return []
  const baseline = baselineChecks.flatMap((one) => atVersion(one, minor))
  if (level === 'baseline') return baseline.map(({ check }) => check)
  const own = restrictedChecks.flatMap((one) => atVersion(one, minor))
  const replaced = new Set(own.flatMap(({ replaces }) => replaces ?? []))
  return [...baseline.filter(({ id }) => !replaced.has(id)), ...own].map(({ check }) => check)
}

/** A rule and what it demanded since which minor version. */
type VersionedCheck = {
  readonly id: string
  /** The baseline rule that this one replaces. */
  readonly replaces?: string
  readonly since: readonly (readonly [minor: number, check: Check])[]
}

function atVersion(
  { id, replaces, since }: VersionedCheck,
  minor: number,
): readonly { readonly id: string; readonly replaces: string | undefined; readonly check: Check }[] {
  const check = since.findLast(([from]) => from <= minor)?.[1]
  return check === undefined ? [] : [{ id, replaces, check }]
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

const procMount: Check = (pod) => {
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

const firstSeLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']
type SeLinuxOptions = { readonly type?: string; readonly user?: string; readonly role?: string }

function seLinux(allowed: readonly string[]): Check {
  const seLinuxTypes = new Set(allowed)
  return (pod) => {
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

const seccompAnnotation = 'seccomp.security.alpha.kubernetes.io/pod'
const containerSeccompAnnotation = 'container.seccomp.security.alpha.kubernetes.io/'

/** Before there were fields for it. */
const seccompAnnotations: Check = (pod) => {
  const keys = [seccompAnnotation, ...allContainers(pod).map(({ name }) => `${containerSeccompAnnotation}${name}`)]
  const isAllowed = (value: string): boolean =>
    value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
  const bad = keys.flatMap((key) => {
    const value = pod.metadata.annotations?.[key]
    return value === undefined || isAllowed(value) ? [] : [`${key}=${JSON.stringify(value)}`]
  })
  const values = sortedSet(bad)
  if (values.length === 0) return undefined
  const detail = `forbidden ${plural(values.length, 'annotation', 'annotations')} ${values.join(', ')}`
  return { reason: 'seccompProfile', detail }
}

const seccompRestricted: Check = (pod) => {
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

const firstSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_syncookies',
]
const sysctlsOf27 = [...firstSysctls, 'net.ipv4.ip_local_reserved_ports']
const sysctlsOf29 = [
  ...sysctlsOf27,
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
]
const sysctlsOf32 = [...sysctlsOf29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

function sysctls(allowed: readonly string[]): Check {
  return ({ spec }) => {
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((one) => !allowed.includes(one))
    return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') }
  }
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

const allowPrivilegeEscalation = byContainer(
  'allowPrivilegeEscalation != false',
  ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
  (names) => `${names} must set securityContext.allowPrivilegeEscalation=false`,
)

/** Some rules mean nothing on Windows. */
function butWindows(check: Check): Check {
  return (pod) => (isWindows(pod) ? undefined : check(pod))
}

/** A user namespace makes the container's root an ordinary user of the host. */
function butUserNamespaces(check: Check): Check {
  return (pod) => (pod.spec.hostUsers === false ? undefined : check(pod))
}

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
  const setters = settersOf(
    pod,
    pod.spec.securityContext?.runAsUser === 0,
    ({ securityContext }) => securityContext?.runAsUser === 0,
  )
  return setters === '' ? undefined : { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` }
}

/** In the order of their names, as they are listed in messages. */
const baselineChecks: readonly VersionedCheck[] = [
  { id: 'appArmorProfile', since: [[0, appArmor]] },
  { id: 'capabilities_baseline', since: [[0, capabilitiesBaseline]] },
  { id: 'hostNamespaces', since: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', since: [[0, hostPathVolumes]] },
  { id: 'hostPorts', since: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', since: [[34, hostProbes]] },
  { id: 'privileged', since: [[0, privileged]] },
  // A pod with a user namespace of its own may unmask /proc at the baseline level.
  {
    id: 'procMount',
    since: [
      [0, procMount],
      [35, butUserNamespaces(procMount)],
    ],
  },
  {
    id: 'seLinuxOptions',
    since: [
      [0, seLinux(firstSeLinuxTypes)],
      [31, seLinux([...firstSeLinuxTypes, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    since: [
      [0, seccompAnnotations],
      [19, seccompBaseline],
    ],
  },
  {
    id: 'sysctls',
    since: [
      [0, sysctls(firstSysctls)],
      [27, sysctls(sysctlsOf27)],
      [29, sysctls(sysctlsOf29)],
      [32, sysctls(sysctlsOf32)],
    ],
  },
  { id: 'windowsHostProcess', since: [[0, windowsHostProcess]] },
]

const restrictedChecks: readonly VersionedCheck[] = [
  {
    id: 'allowPrivilegeEscalation',
    since: [
      [8, allowPrivilegeEscalation],
      [25, butWindows(allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    replaces: 'capabilities_baseline',
    since: [
      [22, capabilitiesRestricted],
      [25, butWindows(capabilitiesRestricted)],
    ],
  },
  { id: 'procMount_restricted', replaces: 'procMount', since: [[35, procMount]] },
  { id: 'restrictedVolumes', replaces: 'hostPathVolumes', since: [[0, restrictedVolumes]] },
  {
    id: 'runAsNonRoot',
    since: [
      [0, runAsNonRoot],
      [35, butUserNamespaces(runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    since: [
      [23, runAsUser],
      [35, butUserNamespaces(runAsUser)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    replaces: 'seccompProfile_baseline',
    since: [
      [19, seccompRestricted],
      [25, butWindows(seccompRestricted)],
    ],
  },
]
