/** Ports of a pod that get in each other's way. Source: `warningsForPodSpecAndMeta`. */
import { eachContainer } from './pod-containers.ts'
import type { ContainerPort, PodSpec } from './v1.ts'

type Placed = { readonly port: ContainerPort; readonly path: string }
type Warnings = readonly string[]

/** Warnings for the ports of all containers. */
export function portWarnings(spec: PodSpec, field: string): Warnings {
  const ports = eachContainer(spec, field).flatMap(({ container, path }) =>
    (container.ports ?? []).map((port, index) => ({ port, path: `${path}.ports[${index}]` })),
  )
  return [
    ...ports.flatMap((one, index) => [...bareAddress(one), ...clashes(one, ports.slice(0, index))]),
    ...ports.flatMap((one, index) => sameName(one, ports.slice(0, index))),
  ]
}

/** Upstream shows its own struct. */
function bareAddress({ port, path }: Placed): Warnings {
  const { name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' } = port
  if (hostIP === '' || hostPort !== 0) return []
  const shown = `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`
  return [`${path}: hostIP set without hostPort: ${shown}`]
}

function clashes({ port, path }: Placed, before: readonly Placed[]): Warnings {
  return before
    .filter((other) => other.port.containerPort === port.containerPort && other.port.protocol === port.protocol)
    .flatMap((other) => {
      const word = howTheyClash(port, other.port)
      return word === undefined ? [] : [`${path}: ${word} port definition with ${other.path}`]
    })
}

function howTheyClash(port: ContainerPort, other: ContainerPort): string | undefined {
  const [own, theirs] = [port.hostPort ?? 0, other.hostPort ?? 0]
  const [ownIp, theirIp] = [port.hostIP ?? '', other.hostIP ?? '']
  if (own === theirs && ownIp === theirIp) return 'duplicate'
  if (own === 0 || theirs === 0) return 'overlapping'
  return own === theirs && (ownIp === '') !== (theirIp === '') ? 'dangerously ambiguous' : undefined
}

function sameName({ port, path }: Placed, before: readonly Placed[]): Warnings {
  const other = before.find((one) => (port.name ?? '') !== '' && one.port.name === port.name)?.path
  return other === undefined
    ? []
    : [
        `${path}: duplicate port name "${port.name}" with ${other}, services and probes that select ports by name will use ${other}`,
      ]
}
