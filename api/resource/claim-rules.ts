/** What claims and claim templates have in common. Source: pkg/apis/resource/validation, pkg/apis/resource/v1/defaults.go. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, when } from '../meta/causes.ts'
import { validateSelectors } from './device-selector.ts'
import {
  validateConfiguration,
  validateFullAttributeName,
  validateLabelName,
  validateToleration,
} from './field-rules.ts'
import { eachAtMost, eachDistinct } from './lists.ts'
import type { DeviceConstraint, DeviceRequest, ExactDeviceRequest, ResourceClaimSpec } from './v1.ts'

const maxRequests = 32
const maxConstraints = 32
const maxConfigurations = 32
const maxAlternatives = 8
type Amount = Pick<ExactDeviceRequest, 'allocationMode' | 'count' | 'selectors'>

/** Defaults of a claim's spec: one device, exactly. */
export function defaultClaim(spec: ResourceClaimSpec): ResourceClaimSpec {
  const { requests } = spec.devices ?? {}
  return (requests ?? null) === null
    ? spec
    : { ...spec, devices: { ...spec.devices, requests: requests?.map(defaultRequest) ?? null } }
}

function defaultRequest(request: DeviceRequest): DeviceRequest {
  const { exactly, firstAvailable } = request
  return {
    ...request,
    ...(exactly === undefined ? {} : { exactly: defaultAmount(exactly) }),
    ...(firstAvailable === undefined ? {} : { firstAvailable: firstAvailable.map(defaultAmount) }),
  }
}

type Tolerant = Pick<ExactDeviceRequest, 'tolerations'>

function defaultAmount<T extends Amount & Tolerant>(request: T): T {
  const allocationMode = request.allocationMode || 'ExactCount'
  const count = allocationMode === 'ExactCount' ? { count: request.count || 1 } : {}
  return withOperators({ ...request, allocationMode, ...count })
}

/** An empty operator is as good as none: the value must be equal. */
export function withOperators<T extends Tolerant>(tolerant: T): T {
  const { tolerations } = tolerant
  if (tolerations === undefined) return tolerant
  return { ...tolerant, tolerations: tolerations.map((item) => ({ ...item, operator: item.operator || 'Equal' })) }
}

/** Rules of a claim's spec. */
export function validateClaim(spec: ResourceClaimSpec, field: string): Causes {
  const { requests, constraints, config } = spec.devices ?? {}
  const path = `${field}.devices`
  const known = requestNames(spec)
  return [
    ...eachDistinct(`${path}.requests`, requests, maxRequests, ({ name }) => name, validateRequest),
    ...eachAtMost(`${path}.constraints`, constraints, maxConstraints, (constraint, at) =>
      validateConstraint(constraint, known, at),
    ),
    ...eachAtMost(`${path}.config`, config, maxConfigurations, (configuration, at) => [
      ...validateReferences(configuration.requests, known, `${at}.requests`),
      ...validateConfiguration(configuration, at),
    ]),
  ]
}

/** What can be said where a request of the claim is meant: `request` or `request/alternative`. */
export function requestNames(spec: ResourceClaimSpec): ReadonlySet<string> {
  const requests = spec.devices?.requests ?? []
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map((one) => `${name}/${one.name}`)]),
  )
}

/** Some of the claim's requests, each once. */
export function validateReferences(
  names: readonly string[] | undefined,
  known: ReadonlySet<string>,
  field: string,
): Causes {
  return eachDistinct(
    field,
    names,
    maxRequests,
    (name) => name,
    (name, path) => validateReference(name, known, path),
  )
}

/** One of the claim's requests. Source: `validateRequestNameRef`. */
export function validateReference(name: string, known: ReadonlySet<string>, field: string): Causes {
  const detail = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
  const segments = name.split('/')
  return [
    ...(segments.length > 2 ? [] : segments.flatMap((segment) => validateLabelName(segment, field))),
    ...when(!known.has(name), () => invalidValue(field, name, detail)),
  ]
}

function validateConstraint(constraint: DeviceConstraint, known: ReadonlySet<string>, field: string): Causes {
  return [
    ...validateReferences(constraint.requests, known, `${field}.requests`),
    ...validateAttributes(constraint, field),
  ]
}

function validateAttributes({ matchAttribute, distinctAttribute }: DeviceConstraint, field: string): Causes {
  if (matchAttribute !== undefined) return validateFullAttributeName(matchAttribute, `${field}.matchAttribute`)
  if (distinctAttribute !== undefined) return validateFullAttributeName(distinctAttribute, `${field}.distinctAttribute`)
  // The words are upstream's, although nothing is set.
  const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
  return [required(field, detail)]
}

function validateRequest(request: DeviceRequest, field: string): Causes {
  return [...validateLabelName(request.name, `${field}.name`), ...validateOneRequest(request, field)]
}

function validateOneRequest({ exactly, firstAvailable = [] }: DeviceRequest, field: string): Causes {
  const detail = 'exactly one of `exactly` or `firstAvailable` is required'
  if (firstAvailable.length === 0) {
    return exactly === undefined ? [required(field, detail)] : validateAmount(exactly, `${field}.exactly`)
  }
  if (exactly !== undefined) return [invalidValue(field, undefined, `${detail}, but multiple fields are set`)]
  return eachDistinct(
    `${field}.firstAvailable`,
    firstAvailable,
    maxAlternatives,
    ({ name }) => name,
    (one, path) => [...validateLabelName(one.name, `${path}.name`), ...validateAmount(one, path)],
  )
}

function validateAmount(request: Amount & Tolerant & { readonly deviceClassName: string }, field: string): Causes {
  const { deviceClassName: className, tolerations } = request
  return [
    ...(className === ''
      ? [required(`${field}.deviceClassName`)]
      : invalidValues(`${field}.deviceClassName`, className, isDns1123Subdomain(className))),
    ...validateSelectors(request.selectors, `${field}.selectors`),
    ...validateMode(request, field),
    ...each(`${field}.tolerations`, tolerations, validateToleration),
  ]
}

function validateMode({ allocationMode, count = 0 }: Amount, field: string): Causes {
  return [
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
