/**
 * Devices for administrators only in namespaces that are labelled so, and statuses of claims only by those who may bind claims or
 * drive their devices. Upstream does this in the storage of the two kinds. Source: KEP-5018, KEP-4817,
 * `pkg/registry/resource/utils.go`.
 */
import { sameJson } from '../../api/meta/causes.ts'
import type { ResourceClaim } from '../../api/resource/v1.ts'
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'
import type { Attributes, Authorizer } from '../authz/authorizer.ts'
import { forbiddenRequest } from '../authz/forbidden.ts'
import { requestInfo } from '../http/request-info.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { isAbout, newObject, oldObject, unchanged } from './request.ts'

type Options = { readonly lookup: Lookup; readonly authorizer: Authorizer }
type Asked = Options & { readonly signal: AbortSignal }
type Status = ResourceClaim['status']

const adminLabel = 'resource.kubernetes.io/admin-access'
const nodeNameKey = 'authentication.kubernetes.io/node-name'

/** The plugin. */
export function resourceClaimAccess(options: Options): AdmissionPlugin {
  return {
    name: 'ResourceClaimAccess',
    afterwards: true,
    concerns: ({ resource }) => resource.facts.group === kinds.resourceClaims.facts.group,
    // Changes nothing, but runs when all that may change the object have run, and before it is validated: as upstream.
    mutate: async (request, signal) => {
      const causes = await causesOf({ ...options, signal }, request)
      if (causes.length > 0) throw invalid(request.resource.facts, request.name, causes)
      return unchanged(request)
    },
  }
}

async function causesOf(options: Asked, request: AdmissionRequest): Promise<readonly StatusCause[]> {
  if (isAbout(request, kinds.resourceClaims, 'status')) return await statusCauses(options, request)
  if (request.operation !== 'CREATE') return []
  const requests = isAbout(request, kinds.resourceClaims)
    ? newObject(request, kinds.resourceClaims)?.spec.devices?.requests
    : isAbout(request, kinds.resourceClaimTemplates)
      ? newObject(request, kinds.resourceClaimTemplates)?.spec.spec.devices?.requests
      : undefined
  const index = (requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true)
  return await adminCauses(options, request, index, 'spec.devices.requests')
}

async function adminCauses(
  { lookup, signal }: Asked,
  { namespace }: AdmissionRequest,
  index: number,
  list: string,
): Promise<readonly StatusCause[]> {
  if (index === -1) return []
  const found = await find(lookup, kinds.namespaces, '', namespace, signal)
  if (found?.metadata.labels?.[adminLabel] === 'true') return []
  const detail = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`
  return [forbiddenField(`${list}[${index}].adminAccess`, detail)]
}

async function statusCauses(options: Asked, request: AdmissionRequest): Promise<readonly StatusCause[]> {
  const claim = newObject(request, kinds.resourceClaims)
  const old = oldObject(request, kinds.resourceClaims)
  if (claim === undefined || old === undefined) return []
  const resultsOf = ({ allocation }: Status = {}) => allocation?.devices?.results ?? []
  const wasGranted = resultsOf(old.status).some(({ adminAccess }) => adminAccess === true)
  const index = wasGranted ? -1 : resultsOf(claim.status).findIndex(({ adminAccess }) => adminAccess === true)
  const status = claim.status ?? {}
  return [
    ...(await adminCauses(options, request, index, 'status.allocation.devices.results')),
    ...(await bindingCauses(options, request, status, old.status ?? {})),
    ...(status.allocation === undefined ? [] : await driverCauses(options, request, status, old.status ?? {})),
  ]
}

async function bindingCauses(
  options: Options,
  request: AdmissionRequest,
  status: Status,
  old: Status,
): Promise<readonly StatusCause[]> {
  const isSame =
    sameJson(status.allocation, old.allocation) && sameJson(status.reservedFor ?? [], old.reservedFor ?? [])
  if (isSame) return []
  const verb = verbOf(request)
  const refusal = await refusalOf(options, request, { verb, subresource: 'binding', namespace: '', name: '' })
  if (refusal === undefined) return []
  const detail = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${refusal}`
  return [forbiddenField('status.allocation', detail)]
}

async function driverCauses(
  options: Options,
  request: AdmissionRequest,
  status: Status,
  old: Status,
): Promise<readonly StatusCause[]> {
  const verb = verbOf(request)
  const verbs = isOnNode(request, status)
    ? [`associated-node:${verb}`, `arbitrary-node:${verb}`]
    : [`arbitrary-node:${verb}`]
  const causes: StatusCause[] = []
  for (const name of changedDrivers(status, old)) {
    const asked = verbs.map((each) => ({ verb: each, subresource: 'driver', namespace: request.namespace, name }))
    const refusals: string[] = []
    for (const question of asked) {
      const refusal = await refusalOf(options, request, question)
      if (refusal === undefined) break
      refusals.push(refusal)
    }
    if (refusals.length < asked.length) continue
    const detail = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${refusals[0] ?? ''}`
    causes.push(forbiddenField('status.devices', detail))
  }
  return causes
}

/** Drivers whose entries were added, changed or removed, sorted. */
function changedDrivers({ devices = [] }: Status, { devices: old = [] }: Status): readonly string[] {
  const keyOf = ({ driver, pool, device, shareID = '' }: (typeof devices)[number]): string =>
    JSON.stringify([driver, pool, device, shareID])
  const before = new Map(old.map((device) => [keyOf(device), device]))
  const changed = new Set<string>()
  for (const device of devices) {
    const known = before.get(keyOf(device))
    before.delete(keyOf(device))
    if (known === undefined || !sameJson(known, device)) changed.add(device.driver)
  }
  for (const { driver } of before.values()) changed.add(driver)
  return [...changed].toSorted()
}

/** Whether a service account of a pod asks that is on the node the claim is allocated to. */
function isOnNode({ user }: AdmissionRequest, { allocation }: Status): boolean {
  const terms = allocation?.nodeSelector?.nodeSelectorTerms ?? []
  const [term] = terms
  const [field, ...others] = term?.matchFields ?? []
  if (terms.length !== 1 || others.length > 0 || (term?.matchExpressions ?? []).length > 0) return false
  const { key, operator, values = [] } = field ?? {}
  if (key !== 'metadata.name' || operator !== 'In' || values.length !== 1 || values[0] === '') return false
  const nodes = user.extra?.[nodeNameKey] ?? []
  return user.name.startsWith('system:serviceaccount:') && nodes.length === 1 && nodes[0] === values[0]
}

function verbOf({ isPatch }: AdmissionRequest): 'patch' | 'update' {
  return isPatch === true ? 'patch' : 'update'
}

type Question = Readonly<Record<'verb' | 'subresource' | 'namespace' | 'name', string>>

/** Why the authorizers do not allow it; `undefined` where they do. */
async function refusalOf(
  { authorizer }: Options,
  { user }: AdmissionRequest,
  question: Question,
): Promise<string | undefined> {
  const resource = { apiPrefix: 'apis', group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims' }
  const attributes: Attributes = { user, info: requestInfo({ ...resource, ...question }) }
  const { type, reason, error } = await authorizer(attributes)
  if (type === 'allow') return undefined
  const all = [error ?? '', reason].filter((text) => text !== '').join(': ')
  return forbiddenRequest(attributes, all).message
}
