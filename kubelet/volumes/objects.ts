/** API objects that pods of this node refer to, read one by one: a node may read only what its pods name. */
import type {
  ConfigMap,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
} from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  configMaps,
  persistentVolumeClaims,
  persistentVolumes,
  type ResourceRef,
  runtimeClasses,
  secrets,
  serviceAccounts,
} from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'

/** What pods may refer to. An object that does not exist is undefined; any other failure throws. */
export type ObjectSource = {
  readonly configMap: (namespace: string, name: string, signal: AbortSignal) => Promise<ConfigMap | undefined>
  readonly secret: (namespace: string, name: string, signal: AbortSignal) => Promise<Secret | undefined>
  readonly claim: (namespace: string, name: string, signal: AbortSignal) => Promise<PersistentVolumeClaim | undefined>
  readonly volume: (name: string, signal: AbortSignal) => Promise<PersistentVolume | undefined>
  /** A service account token bound to the pod; the same one until it has lived 80 % of its time. */
  readonly token: (pod: Pod, projection: ServiceAccountTokenProjection, signal: AbortSignal) => Promise<string>
  /** The handler that the pod's RuntimeClass names; empty: the runtime's default. */
  readonly runtimeHandler: (pod: Pod, signal: AbortSignal) => Promise<string>
  /** Forgets the tokens of a pod that is gone. */
  readonly forget: (podUid: string) => void
}

type TokenAnswer = { readonly status: { readonly token: string; readonly expirationTimestamp: string } }
type CachedToken = { readonly token: string; readonly refreshAtMs: number }

const defaultTokenSeconds = 3600
/** Upstream refreshes at 80 % of the lifetime, and daily at the latest. */
const refreshShare = 0.8
const maxTokenAgeMs = 24 * 3_600_000

/** Reads through the API at every call, so that a pod starts with what is there now. */
export function createObjectSource(client: Client, clock: Clock): ObjectSource {
  const tokens = new Map<string, CachedToken>()
  const read = async <T>(ref: ResourceRef<T, never>, at: { namespace?: string; name: string }, signal: AbortSignal) => {
    try {
      return await client.get(ref, at, signal)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }
  return {
    configMap: (namespace, name, signal) => read(configMaps, { namespace, name }, signal),
    secret: (namespace, name, signal) => read(secrets, { namespace, name }, signal),
    claim: (namespace, name, signal) => read(persistentVolumeClaims, { namespace, name }, signal),
    volume: (name, signal) => read(persistentVolumes, { name }, signal),
    runtimeHandler: async ({ spec }, signal) => {
      const name = spec.runtimeClassName
      if (name === undefined || name === '') return ''
      const found = await read(runtimeClasses, { name }, signal)
      if (found === undefined) throw new Error(`RuntimeClass "${name}" not found`)
      return found.handler
    },
    token: async (pod, projection, signal) => {
      const { audience, expirationSeconds = defaultTokenSeconds } = projection
      const key = JSON.stringify([pod.metadata.uid, audience, expirationSeconds])
      const cached = tokens.get(key)
      if (cached !== undefined && clock.now() < cached.refreshAtMs) return cached.token
      const { token, expirationTimestamp } = await requestToken(client, pod, projection, signal)
      const lifeMs = parseTime(expirationTimestamp) - clock.now()
      tokens.set(key, { token, refreshAtMs: clock.now() + Math.min(lifeMs * refreshShare, maxTokenAgeMs) })
      return token
    },
    forget: (podUid) => {
      for (const key of tokens.keys()) if (key.includes(podUid)) tokens.delete(key)
    },
  }
}

async function requestToken(
  client: Client,
  pod: Pod,
  { audience, expirationSeconds = defaultTokenSeconds }: ServiceAccountTokenProjection,
  signal: AbortSignal,
): Promise<TokenAnswer['status']> {
  const { name, namespace, uid } = pod.metadata
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      ...(audience === undefined || audience === '' ? {} : { audiences: [audience] }),
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  }
  const account = pod.spec.serviceAccountName || 'default'
  const at = { namespace, name: account, subresource: 'token' }
  const { status } = await client.createSubresource<TokenAnswer>(serviceAccounts, at, body, signal)
  return status
}
