/** What claims and claim templates have in common. Source: pkg/apis/resource/validation, pkg/apis/resource/v1/defaults.go. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { atMost, type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateSelectors } from './device-selector.ts'
import type { DeviceRequest, ExactDeviceRequest, ResourceClaimSpec } from './v1.ts'

const maxRequests = 32
type Amount = Pick<ExactDeviceRequest, 'allocationMode' | 'count' | 'selectors'>

/** Defaults of a claim's spec: one device, exactly. */
export function defaultClaim(spec: ResourceClaimSpec): ResourceClaimSpec {
  const { requests } = spec.devices ?? {}
  return requests === undefined
    ? spec
    : { ...spec, devices: { ...spec.devices, requests: requests.map(defaultRequest) } }
}

function defaultRequest(request: DeviceRequest): DeviceRequest {
  const { exactly, firstAvailable } = request
  return {
    ...request,
    ...(exactly === undefined ? {} : { exactly: defaultAmount(exactly) }),
    ...(firstAvailable === undefined ? {} : { firstAvailable: firstAvailable.map(defaultAmount) }),
  }
}

function defaultAmount<T extends Amount>(request: T): T {
  const allocationMode = request.allocationMode || 'ExactCount'
  return { ...request, allocationMode, ...(allocationMode === 'ExactCount' ? { count: request.count || 1 } : {}) }
}

/** Rules of a claim's spec. */
export function validateClaim(spec: ResourceClaimSpec, field: string): Causes {
  const requests = spec.devices?.requests ?? []
  const again = new Set(repeats(requests.map(({ name }) => name)))
  const path = `${field}.devices.requests`
  return [
    ...atMost(path, requests, maxRequests),
    ...each(path, requests, (request, at, index) => [
      ...(request.name === ''
        ? [required(`${at}.name`)]
        : invalidValues(`${at}.name`, request.name, isDns1123Label(request.name))),
      ...when(again.has(index), duplicate(`${at}.name`, request.name)),
      ...validateRequest(request, at),
    ]),
    ...each(`${field}.devices.constraints`, spec.devices?.constraints, ({ matchAttribute }, at) =>
      when(matchAttribute === '', required(`${at}.matchAttribute`, 'name required')),
    ),
  ]
}

function validateRequest({ exactly, firstAvailable = [] }: DeviceRequest, field: string): Causes {
  if ((exactly === undefined) === (firstAvailable.length === 0)) {
    const detail = 'exactly one of `exactly` or `firstAvailable` is required'
    return exactly === undefined ? [required(field, detail)] : [invalidValue(field, '', detail)]
  }
  return [
    ...(exactly === undefined ? [] : validateAmount(exactly, `${field}.exactly`)),
    ...each(`${field}.firstAvailable`, firstAvailable, validateAmount),
  ]
}

function validateAmount(request: Amount & { readonly deviceClassName: string }, field: string): Causes {
  const { deviceClassName, allocationMode, count = 0 } = request
  return [
    ...when(deviceClassName === '', required(`${field}.deviceClassName`)),
    ...validateSelectors(request.selectors, `${field}.selectors`),
    ...oneOf(`${field}.allocationMode`, allocationMode, ['All', 'ExactCount']),
    ...when(
      allocationMode === 'ExactCount' && count <= 0,
      invalidValue(`${field}.count`, count, 'must be greater than zero'),
    ),
    ...when(
      allocationMode === 'All' && count !== 0,
      invalidValue(`${field}.count`, count, "must not be specified when allocationMode is 'All'"),
    ),
  ]
}
