/** The files of configMap, secret, downwardAPI and projected volumes. Pure: the objects are read before and handed in. */
import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '../../api/core/v1.ts'
import { type Addresses, fieldValue, resourceFieldValue } from '../pod/field-ref.ts'
import type { PayloadFile } from './atomic-writer.ts'

/** The volume cannot be made as the pod asks; the message goes into the `FailedMount` event. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError'
}

export type Files = readonly (readonly [string, PayloadFile])[]
/** Upstream's default of `defaultMode`. */
export const defaultFileMode = 0o644

type KeySelection = { readonly items?: readonly KeyToPath[]; readonly optional?: boolean }

/** Files of a ConfigMap; undefined stands for an optional one that does not exist. */
export function configMapFiles(object: ConfigMap | undefined, source: KeySelection, mode: number): Files {
  const text = Object.entries(object?.data ?? {}).map(([key, value]) => [key, new TextEncoder().encode(value)] as const)
  const binary = Object.entries(object?.binaryData ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  )
  return select(new Map<string, Uint8Array>([...text, ...binary]), source, mode, 'references non-existent config key')
}

/** Files of a Secret; undefined stands for an optional one that does not exist. */
export function secretFiles(object: Secret | undefined, source: KeySelection, mode: number): Files {
  const data = Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const)
  return select(new Map<string, Uint8Array>(data), source, mode, 'references non-existent secret key')
}

function select(data: ReadonlyMap<string, Uint8Array>, source: KeySelection, mode: number, complaint: string): Files {
  const { items, optional } = source
  if (items === undefined || items.length === 0) return [...data].map(([key, content]) => [key, { content, mode }])
  return items.flatMap((item): Files => {
    const content = data.get(item.key)
    if (content !== undefined) return [[item.path, { content, mode: item.mode ?? mode }]]
    if (optional === true) return []
    throw new VolumeError(`${complaint}: ${item.key}`)
  })
}

/** Files of the downward API. */
export function downwardFiles(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  facts: Addresses & { readonly allocatable: Readonly<Record<string, string>> },
): Files {
  return items.map((item) => {
    const text =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef.fieldPath, facts)
        : item.resourceFieldRef !== undefined
          ? resourceFieldValue(pod, undefined, item.resourceFieldRef, facts.allocatable)
          : ''
    return [item.path, { content: new TextEncoder().encode(text), mode: item.mode ?? mode }]
  })
}

/**
 * Mode and owner of a service account token: readable by the pod's group, or by the one user that all containers run as,
 * else by everyone. Source: upstream `pkg/volume/projected`, KEP-2451.
 */
export function tokenFile(pod: Pod, token: string, mode: number): PayloadFile {
  const content = new TextEncoder().encode(token)
  if (pod.spec.securityContext?.fsGroup !== undefined) return { content, mode: 0o600 }
  const users = new Set(
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
      ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  )
  const [only] = users
  return users.size === 1 && only !== undefined ? { content, mode: 0o600, uid: only } : { content, mode }
}
