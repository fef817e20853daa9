/** What upstream counts of KMS v2. Source: `envelope/metrics/metrics.go`. */
import type { Registry } from '../../../../component-base/metrics.ts'
import { bucketTallies, countTallies, registerGauge, Tallies } from '../../../../component-base/tallies.ts'
import { hashOf } from './envelope.ts'

export type KmsMetrics = {
  readonly called: (provider: string, method: string, code: string, tookMs: number) => void
  /** A key was used on the way to the store or from it. */
  readonly used: (provider: string, direction: 'to_storage' | 'from_storage', keyId: string, nowMs: number) => void
  /** The plugin's `Status` named a key. */
  readonly named: (provider: string, keyId: string, nowMs: number) => void
  readonly refused: (provider: string, code: string) => void
}

const prefix = 'apiserver_envelope_encryption_'
/** Source: `metrics.ExponentialBuckets(0.0001, 2, 20)`. */
const latencyBounds = Array.from({ length: 20 }, (_, index) => 0.0001 * 2 ** index)

/** Registers them. */
export function createKmsMetrics(registry: Registry, serverId: string): KmsMetrics {
  const server = hashOf(serverId)
  const latency = bucketTallies(
    registry,
    {
      name: `${prefix}kms_operations_latency_seconds`,
      help: 'KMS operation duration with gRPC error code status total.',
      labelNames: ['provider_name', 'method_name', 'grpc_status_code'],
    },
    latencyBounds,
  )
  const uses = countTallies(registry, {
    name: `${prefix}key_id_hash_total`,
    help: 'Number of times a keyID is used split by transformation type, provider, and apiserver identity.',
    labelNames: ['transformation_type', 'provider_name', 'key_id_hash', 'apiserver_id_hash'],
  })
  const refusals = countTallies(registry, {
    name: `${prefix}invalid_key_id_from_status_total`,
    help: 'Number of times an invalid keyID is returned by the Status RPC call split by error.',
    labelNames: ['provider_name', 'error'],
  })
  const lastUse = times(registry, {
    name: `${prefix}key_id_hash_last_timestamp_seconds`,
    help: 'The last time in seconds when a keyID was used.',
    labelNames: ['transformation_type', 'provider_name', 'key_id_hash', 'apiserver_id_hash'],
  })
  const lastName = times(registry, {
    name: `${prefix}key_id_hash_status_last_timestamp_seconds`,
    help: 'The last time in seconds when a keyID was returned by the Status RPC call.',
    labelNames: ['provider_name', 'key_id_hash', 'apiserver_id_hash'],
  })
  const labelsOf = (provider: string, keyId: string) => ({
    provider_name: provider,
    key_id_hash: hashOf(keyId),
    apiserver_id_hash: server,
  })
  return {
    called: (provider, method, code, tookMs) => {
      const labels = () => ({ provider_name: provider, method_name: method, grpc_status_code: code })
      latency.of(`${provider} ${method} ${code}`, labels).observe(tookMs / 1000)
    },
    used: (provider, direction, keyId, nowMs) => {
      const labels = () => ({ transformation_type: direction, ...labelsOf(provider, keyId) })
      const key = `${direction} ${provider} ${keyId}`
      uses.of(key, labels).add()
      lastUse.of(key, labels).seconds = nowMs / 1000
    },
    named: (provider, keyId, nowMs) => {
      lastName.of(`${provider} ${keyId}`, () => labelsOf(provider, keyId)).seconds = nowMs / 1000
    },
    refused: (provider, code) =>
      refusals.of(`${provider} ${code}`, () => ({ provider_name: provider, error: code })).add(),
  }
}

/** Moments as gauges. */
function times(
  registry: Registry,
  facts: { readonly name: string; readonly help: string; readonly labelNames: readonly string[] },
): Tallies<{ seconds: number }> {
  const tallies = new Tallies(() => ({ seconds: 0 }))
  registerGauge(registry, facts, () => tallies.samples().map(({ labels, value }) => ({ labels, value: value.seconds })))
  return tallies
}
