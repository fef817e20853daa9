/**
 * This instance behind the published Service: an EndpointSlice of its own for each family, ready as long as requests are taken. At the
 * end it says so first, so that load balancers go elsewhere before the listeners close.
 */
import { hostname } from 'node:os'
import type { Client } from '../../client/rest/client.ts'
import { endpointSlices } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'

export type RegistrationOptions = {
  readonly client: Client
  /** `namespace/name`. */
  readonly service: string
  readonly nodeName: string
  readonly addresses: readonly string[]
  readonly ports: { readonly http: number; readonly https: number }
  readonly clock: Clock
  readonly logger: Logger
}

const retryMs = 1_000
const withdrawLimitMs = 2_000

/** The slices of one instance. Pure. */
export function slicesOf(
  { service, nodeName, addresses, ports }: Pick<RegistrationOptions, 'service' | 'nodeName' | 'addresses' | 'ports'>,
  isServing: boolean,
): readonly { readonly metadata: { readonly name: string; readonly namespace: string } }[] {
  const [namespace = '', name = ''] = service.split('/')
  const node = nodeName === '' ? hostname() : nodeName
  const conditions = { ready: isServing, serving: true, terminating: !isServing }
  return (['IPv4', 'IPv6'] as const).flatMap((addressType) => {
    const own = addresses.filter((address) => address.includes(':') === (addressType === 'IPv6'))
    if (own.length === 0) return []
    return [
      {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType },
        metadata: {
          name: `${name}-${node}-${addressType.toLowerCase()}`,
          namespace,
          labels: {
            'kubernetes.io/service-name': name,
            'endpointslice.kubernetes.io/managed-by': 'ingress.kubets.io',
          },
        },
        ports: [
          { name: 'http', port: ports.http, protocol: 'TCP' },
          { name: 'https', port: ports.https, protocol: 'TCP' },
        ],
        endpoints: own.map((address) => ({ addresses: [address], nodeName: node, conditions })),
      },
    ]
  })
}

/** Says that requests are taken; tries until it is said. */
export async function register(options: RegistrationOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await apply(options, true, signal)
    } catch (error) {
      signal.throwIfAborted()
      options.logger.info('Not registered yet', { service: options.service, error })
    }
    await options.clock.sleep(retryMs, signal)
  }
}

/** Says that no more requests are wanted; without the API server the others find out by themselves. */
export async function withdraw(options: RegistrationOptions): Promise<void> {
  try {
    await apply(options, false, AbortSignal.timeout(withdrawLimitMs))
  } catch (error) {
    options.logger.debug('Not withdrawn', { error })
  }
}

async function apply(options: RegistrationOptions, isServing: boolean, signal: AbortSignal): Promise<void> {
  for (const body of slicesOf(options, isServing)) {
    const patch = { type: 'apply', body, fieldManager: 'ingress', force: true } as const
    await options.client.patch(endpointSlices, body.metadata, patch, signal)
  }
}
