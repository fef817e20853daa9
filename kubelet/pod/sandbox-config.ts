/** What the runtime is told about a pod's sandbox. Pure. */
import type { Pod } from '../../api/core/v1.ts'
import type { ResolvConf } from '../network/resolv-conf.ts'
import type { CriDraft } from '../runtime/cri.ts'
import { configSourceAnnotation, podNameLabel, podNamespaceLabel, podUidLabel } from '../runtime/labels.ts'
import { sandboxHostName } from './hostname.ts'
import { namespaceOptions, sandboxSeccomp } from './security-context.ts'

export type SandboxInput = {
  readonly pod: Pod
  readonly attempt: number
  readonly logDirectory: string
  readonly cgroupParent: string
  readonly clusterDomain: string
  readonly dns: ResolvConf
}

/** The configuration for `RunPodSandbox` and, unchanged, for `CreateContainer`. */
export function sandboxConfig(input: SandboxInput): CriDraft<'PodSandboxConfig'> {
  const { pod, attempt, logDirectory, clusterDomain, dns } = input
  const { name, namespace = '', uid, labels, annotations } = pod.metadata
  return {
    metadata: { name, namespace, uid, attempt },
    // On the node's network the sandbox shares the node's host name.
    hostname: pod.spec.hostNetwork === true ? '' : sandboxHostName(pod, clusterDomain),
    logDirectory,
    dnsConfig: dns,
    portMappings: portMappings(pod),
    labels: { ...labels, [podNameLabel]: name, [podNamespaceLabel]: namespace, [podUidLabel]: uid },
    annotations: { [configSourceAnnotation]: 'api', ...annotations },
    linux: linuxConfig(input),
  }
}

function linuxConfig({ pod, cgroupParent }: SandboxInput): CriDraft<'LinuxPodSandboxConfig'> {
  const { securityContext } = pod.spec
  const sysctls = (securityContext?.sysctls ?? []).map(({ name, value }) => [name, value] as const)
  return {
    cgroupParent,
    sysctls: Object.fromEntries(sysctls),
    securityContext: {
      privileged: hasPrivileged(pod),
      namespaceOptions: namespaceOptions(pod),
      seccomp: sandboxSeccomp(pod),
      ...(securityContext?.runAsUser === undefined ? {} : { runAsUser: { value: securityContext.runAsUser } }),
      ...(securityContext?.runAsGroup === undefined || securityContext.runAsUser === undefined
        ? {}
        : { runAsGroup: { value: securityContext.runAsGroup } }),
      supplementalGroups: [
        ...(securityContext?.fsGroup === undefined ? [] : [securityContext.fsGroup]),
        ...(securityContext?.supplementalGroups ?? []),
      ],
    },
  }
}

function hasPrivileged({ spec }: Pod): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(
    ({ securityContext }) => securityContext?.privileged === true,
  )
}

function portMappings({ spec }: Pod): readonly CriDraft<'PortMapping'>[] {
  if (spec.hostNetwork === true) return []
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const ports = [...spec.containers, ...sidecars].flatMap((container) => container.ports ?? [])
  return ports.map(({ containerPort, hostPort, hostIP, protocol }) => ({
    containerPort,
    hostPort: hostPort ?? 0,
    hostIp: hostIP ?? '',
    protocol: protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP',
  }))
}
