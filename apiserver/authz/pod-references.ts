/** Which objects of its namespace a pod may use: what its node is therefore allowed to read. */
import type { Pod } from '../../api/core/v1.ts'
import type { Json } from '../../apimachinery/json.ts'

/** Names of secrets, config maps and claims that a pod's spec mentions. */
export type PodReferences = {
  readonly secrets: ReadonlySet<string>
  readonly configMaps: ReadonlySet<string>
  readonly claims: ReadonlySet<string>
}

/** Collects every reference in the spec: pull secrets, environment, volumes. */
export function podReferences(pod: Pod): PodReferences {
  const found = { secrets: new Set<string>(), configMaps: new Set<string>(), claims: new Set<string>() }
  for (const { name } of pod.spec?.imagePullSecrets ?? []) addName(found.secrets, name)
  walk(pod.spec?.containers, found)
  walk(pod.spec?.initContainers, found)
  walk(pod.spec?.ephemeralContainers, found)
  walk(pod.spec?.volumes, found)
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.ephemeral !== undefined) found.claims.add(`${pod.metadata.name}-${volume.name}`)
  }
  return found
}

type Found = { readonly [Key in keyof PodReferences]: Set<string> }

/** References have the same few shapes in environment variables and in every kind of volume. */
function walk(value: unknown, found: Found): void {
  if (Array.isArray(value)) for (const item of value) walk(item, found)
  else if (typeof value === 'object' && value !== null) {
    for (const [field, child] of Object.entries(value)) {
      note(field, child, found)
      walk(child, found)
    }
  }
}

function note(field: string, child: unknown, found: Found): void {
  if (typeof child === 'string') {
    if (field === 'secretName') addName(found.secrets, child)
    if (field === 'claimName') addName(found.claims, child)
    return
  }
  const name = nameOf(child)
  if (name === undefined) return
  if (field === 'secretKeyRef' || field === 'secretRef' || field === 'nodePublishSecretRef' || field === 'secret') {
    addName(found.secrets, name)
  }
  if (field === 'configMapKeyRef' || field === 'configMapRef' || field === 'configMap') addName(found.configMaps, name)
}

function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value)) return undefined
  const name = value.name as Json
  return typeof name === 'string' ? name : undefined
}

function addName(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && name !== '') names.add(name)
}
