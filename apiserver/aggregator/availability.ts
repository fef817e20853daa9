/** Keeps saying of every APIService whether its server can be reached. Source: kube-aggregator's availability controller. */
import type { APIService } from '../../api/apiregistration/v1.ts'
import { findCondition } from '../../apimachinery/conditions.ts'
import type { Json } from '../../apimachinery/json.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import { asApiObject } from '../admission/request.ts'
import { loopbackUser } from '../authn/user.ts'
import { readBody } from '../http/body.ts'
import type { Store } from '../registry/store.ts'
import { kinds, read, readAll } from '../registry/typed-reader.ts'
import { type AggregatorBackend, backendOf, identityHeaders, NoTarget, open } from './backend.ts'
import type { RemoteResources } from './discovery.ts'

export type AvailabilityOptions = AggregatorBackend & {
  readonly store: Pick<Store, 'resource' | 'update'>
  readonly clock: Clock
  readonly logger: Logger
  readonly resources: RemoteResources
}
export type Verdict = { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string }

/** How often servers are asked when nothing has changed, and how soon after something has. */
const checkMs = 30_000
const lookMs = 1_000
const answerMs = 5_000
const asker = { name: 'system:kube-aggregator', groups: ['system:masters'] }

/** Runs until `signal` aborts. */
export async function runAvailability(options: AvailabilityOptions, signal: AbortSignal): Promise<void> {
  const { reader, clock } = options
  let seen = -1
  let checkedMs = 0
  for (;;) {
    await clock.sleep(lookMs, signal)
    const services = readAll(reader, kinds.apiServices).filter(({ spec }) => spec.service !== undefined)
    const changes = reader.revision(kinds.apiServices.facts)
    const isWaiting = services.some(({ status }) => findCondition(status?.conditions, 'Available')?.status !== 'True')
    if (services.length === 0 || (seen === changes && !isWaiting && clock.now() - checkedMs < checkMs)) continue
    await Promise.all(services.map(async (service) => await update(options, service, signal)))
    seen = changes
    checkedMs = clock.now()
  }
}

async function update(options: AvailabilityOptions, service: APIService, signal: AbortSignal): Promise<void> {
  const { store, clock, logger } = options
  const verdict = missingParts(options, service) ?? (await ask(options, service, signal))
  const resource = store.resource('apiregistration.k8s.io', 'apiservices')
  const before = findCondition(service.status?.conditions, 'Available')
  if (resource === undefined || (before?.reason === verdict.reason && before.message === verdict.message)) return
  const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : formatTime(clock.now())
  const others = (service.status?.conditions ?? []).filter(({ type }) => type !== 'Available')
  const status = { ...service.status, conditions: [...others, { type: 'Available', lastTransitionTime, ...verdict }] }
  const key = { namespace: '', name: service.metadata.name }
  const change = (current: object): ReturnType<typeof asApiObject> => asApiObject({ ...current, status })
  try {
    await store.update(resource, key, change, { user: loopbackUser, subresource: 'status' }, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!hasReason(error, 'NotFound')) logger.error('Could not write the status of an APIService', { error })
  }
}

/** What the cluster itself can tell; `undefined` when there is a server to be asked. */
export function missingParts({ reader }: Pick<AggregatorBackend, 'reader'>, { spec }: APIService): Verdict | undefined {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {}
  const shown = `service/${name} in ${JSON.stringify(namespace)}`
  const service = read(reader, kinds.services, namespace, name)
  if (service === undefined) return unavailable('ServiceNotFound', `${shown} is not present`)
  const wanted = (service.spec.ports ?? []).find((one) => one.port === port)
  if (service.spec.type === 'ExternalName') return undefined
  if (wanted === undefined) return unavailable('ServicePortError', `${shown} is not listening on port ${port}`)
  const slices = readAll(reader, kinds.endpointSlices, namespace).filter(
    ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name,
  )
  if (slices.length === 0) return unavailable('EndpointsNotFound', `cannot find endpointslices for ${shown}`)
  const portName = wanted.name ?? ''
  const isServed = slices.some(
    ({ endpoints, ports }) =>
      (ports ?? []).some((one) => (one.name ?? '') === portName) &&
      (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false),
  )
  if (isServed) return undefined
  return unavailable(
    'MissingEndpoints',
    `endpoints for ${shown} have no addresses with port name ${JSON.stringify(portName)}`,
  )
}

function unavailable(reason: string, message: string): Verdict {
  return { status: 'False', reason, message }
}

/** Whether the server answers for the group and version that it is there for. */
async function ask(options: AvailabilityOptions, service: APIService, signal: AbortSignal): Promise<Verdict> {
  const { group = '', version = '' } = service.spec
  const path = `/apis/${group}/${version}`
  let shown = path
  try {
    const target = backendOf(options, service)
    shown = `https://${target.host}:${target.port}${path}`
    const { code, text } = await withDeadline(signal, answerMs, async (limited) => {
      const sent = { method: 'GET', path, headers: { accept: 'application/json', ...identityHeaders(asker) } }
      const { request, response } = open(options, service, target, sent, limited)
      request.end()
      const answer = await response
      return { code: answer.statusCode ?? 0, text: await readBody(answer, limited) }
    })
    if (code >= 200 && code < 300) {
      options.resources.set(service.metadata.name, parsed(text.toString('utf8')))
      return { status: 'True', reason: 'Passed', message: 'all checks passed' }
    }
    return failed(shown, `bad status from ${shown}: ${code}`)
  } catch (error) {
    signal.throwIfAborted()
    const words = error instanceof Error ? error.message : String(error)
    return failed(shown, error instanceof NoTarget ? words : `Get ${JSON.stringify(shown)}: ${words}`)
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function failed(url: string, message: string): Verdict {
  return unavailable('FailedDiscoveryCheck', `failing or missing response from ${url}: ${message}`)
}
