/**
 * The environment of a container: service links, `envFrom`, `env` with references, and `$(NAME)` expansion. Pure: the
 * ConfigMaps and Secrets are read before and handed in.
 */
import type { ConfigMap, Container, EnvVarSource, Pod, Secret, Service } from '../../api/core/v1.ts'
import { fieldValue, resourceFieldValue } from './field-ref.ts'

export type EnvSources = {
  readonly services: readonly Service[]
  /** By name, in the pod's namespace; absent: does not exist. */
  readonly configMaps: ReadonlyMap<string, ConfigMap>
  readonly secrets: ReadonlyMap<string, Secret>
  readonly podIps: readonly string[]
  readonly hostIps: readonly string[]
  /** What a container without a limit may use. */
  readonly allocatable: Readonly<Record<string, string>>
}

/** The spec asks for something that does not exist: shown as `CreateContainerConfigError` with this message. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError'
}

/** Names of ConfigMaps and Secrets that the environment of a container needs. */
export function envReferences(container: Container): {
  readonly configMaps: readonly string[]
  readonly secrets: readonly string[]
} {
  const from = container.envFrom ?? []
  const refs = (container.env ?? []).flatMap(({ valueFrom }) => valueFrom ?? [])
  const named = (values: readonly (string | undefined)[]) => [...new Set(values.flatMap((value) => value ?? []))]
  return {
    configMaps: named([
      ...from.map(({ configMapRef }) => configMapRef?.name),
      ...refs.map(({ configMapKeyRef }) => configMapKeyRef?.name),
    ]),
    secrets: named([
      ...from.map(({ secretRef }) => secretRef?.name),
      ...refs.map(({ secretKeyRef }) => secretKeyRef?.name),
    ]),
  }
}

/** All variables, in the order in which they are to be set. */
export function containerEnv(pod: Pod, container: Container, sources: EnvSources): ReadonlyMap<string, string> {
  const services = serviceEnv(pod, sources.services)
  const own = new Map<string, string>(envFrom(container, sources))
  const lookup = (name: string) => own.get(name) ?? services.get(name)
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved =
      valueFrom === undefined ? expand(value ?? '', lookup) : referenced(pod, container, valueFrom, sources)
    if (resolved !== undefined) own.set(name, resolved)
  }
  return new Map([...own, ...[...services].filter(([name]) => !own.has(name))])
}

/** Replaces `$(NAME)`; an unknown name stays as it stands, `$$` is a plain dollar sign. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^()]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? whole),
  )
}

function* envFrom(container: Container, sources: EnvSources): Generator<readonly [string, string]> {
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef !== undefined) {
      const found = sources.configMaps.get(configMapRef.name ?? '')
      if (found === undefined && configMapRef.optional !== true) throw missing('configmap', configMapRef.name)
      for (const [key, value] of Object.entries(found?.data ?? {})) yield [prefix + key, value]
    }
    if (secretRef !== undefined) {
      const found = sources.secrets.get(secretRef.name ?? '')
      if (found === undefined && secretRef.optional !== true) throw missing('secret', secretRef.name)
      for (const [key, value] of Object.entries(found?.data ?? {})) yield [prefix + key, decode(value)]
    }
  }
}

function referenced(pod: Pod, container: Container, from: EnvVarSource, sources: EnvSources): string | undefined {
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, sources)
  if (from.resourceFieldRef !== undefined) {
    return resourceFieldValue(pod, container, from.resourceFieldRef, sources.allocatable)
  }
  const namespace = pod.metadata.namespace ?? ''
  if (from.configMapKeyRef !== undefined) {
    const { name, key, optional } = from.configMapKeyRef
    const found = sources.configMaps.get(name ?? '')
    if (found === undefined) return absent(optional, () => missing('configmap', name))
    const value = found.data?.[key]
    if (value !== undefined) return value
    return absent(
      optional,
      () => new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`),
    )
  }
  if (from.secretKeyRef !== undefined) {
    const { name, key, optional } = from.secretKeyRef
    const found = sources.secrets.get(name ?? '')
    if (found === undefined) return absent(optional, () => missing('secret', name))
    const value = found.data?.[key]
    if (value !== undefined) return decode(value)
    return absent(optional, () => new ContainerConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`))
  }
  return undefined
}

function absent(optional: boolean | undefined, error: () => Error): undefined {
  if (optional !== true) throw error()
  return undefined
}

function missing(kind: string, name: string | undefined): ContainerConfigError {
  return new ContainerConfigError(`${kind} "${name ?? ''}" not found`)
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}

/** Variables of the services of the pod's namespace, and always those of `default/kubernetes`. Source: upstream `pkg/kubelet/envvars`. */
export function serviceEnv(pod: Pod, services: readonly Service[]): ReadonlyMap<string, string> {
  const links = pod.spec.enableServiceLinks !== false
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { name, namespace } = service.metadata
    const ip = service.spec.clusterIP
    if (ip === undefined || ip === '' || ip === 'None') continue
    if (namespace === 'default' && name === 'kubernetes') chosen.set(name, chosen.get(name) ?? service)
    else if (links && namespace === pod.metadata.namespace) chosen.set(name, service)
  }
  const all = [...chosen.values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  return new Map(all.flatMap(variablesOf))
}

function variablesOf(service: Service): readonly (readonly [string, string])[] {
  const name = variableName(service.metadata.name)
  const ip = service.spec.clusterIP ?? ''
  const host = ip.includes(':') ? `[${ip}]` : ip
  const ports = service.spec.ports ?? []
  const first = ports[0]
  if (first === undefined) return [[`${name}_SERVICE_HOST`, ip]]
  const protocolOf = (protocol: string | undefined) => protocol ?? 'TCP'
  const urlOf = ({ protocol, port }: { readonly protocol?: string; readonly port: number }) =>
    `${protocolOf(protocol).toLowerCase()}://${host}:${port}`
  return [
    [`${name}_SERVICE_HOST`, ip],
    [`${name}_SERVICE_PORT`, String(first.port)],
    ...ports
      .filter((port) => port.name !== undefined && port.name !== '')
      .map((port) => [`${name}_SERVICE_PORT_${variableName(port.name ?? '')}`, String(port.port)] as const),
    [`${name}_PORT`, urlOf(first)],
    ...ports.flatMap((port) => {
      const prefix = `${name}_PORT_${port.port}_${protocolOf(port.protocol).toUpperCase()}`
      return [
        [prefix, urlOf(port)],
        [`${prefix}_PROTO`, protocolOf(port.protocol).toLowerCase()],
        [`${prefix}_PORT`, String(port.port)],
        [`${prefix}_ADDR`, ip],
      ] as const
    }),
  ]
}

function variableName(text: string): string {
  return text.replaceAll('-', '_').toUpperCase()
}
