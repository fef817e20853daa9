/** Rules of `resources`. Source: `ValidateContainerResourceRequirements`, `ValidateResourceQuantityValue`. */
import { duplicate, fieldNotFound, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isQualifiedName } from '../../apimachinery/names.ts'
import { compareQuantities, parseQuantity } from '../../apimachinery/quantity.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { type Causes, each, eachEntry, invalidValues, when } from '../meta/causes.ts'
import { aggregateRequests, isPodLevelResource, quantityOf, type ResourceList } from './pod-resources.ts'
import type { Container, PodSpec, ResourceRequirements } from './v1.ts'

const nano = 1_000_000_000n
const hugePages = 'hugepages-'
const wholeNumbers = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

const measured = ['cpu', 'memory', 'ephemeral-storage']
const standardResources = new Set([
  ...wholeNumbers,
  ...measured,
  ...measured.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'storage',
  'requests.storage',
])

/** Known to quotas at least. Source: `IsStandardResourceName`. */
function isStandardResource(name: string): boolean {
  return standardResources.has(name) || isHugePage(name.replace(/^requests\./, ''))
}

/** `example.com/gpu`: neither Kubernetes' own nor a quota name. */
export function isExtendedResource(name: string): boolean {
  if (!name.includes('/') || name.includes('kubernetes.io/') || name.startsWith('requests.')) return false
  return isQualifiedName(`requests.${name}`).length === 0
}

function isHugePage(name: string): boolean {
  return name.startsWith(hugePages)
}

/** Whether more can be promised than there is. */
function isOvercommitAllowed(name: string): boolean {
  const native = !name.includes('/') || name.includes('kubernetes.io/')
  return native && !name.startsWith('hugepages-')
}

/** Zero or more, and whole where the resource is counted. */
export function validateQuantity(name: string, text: string, field: string): Causes {
  const quantity = quantityOf(text)
  return [
    ...when(quantity.nano < 0n, () => invalidValue(field, text, 'must be greater than or equal to 0')),
    ...when((wholeNumbers.has(name) || isExtendedResource(name)) && quantity.nano % nano !== 0n, () =>
      invalidValue(field, text, 'must be an integer'),
    ),
  ]
}

/** What a container may ask for. */
export function validateContainerResourceName(name: string, field: string): Causes {
  const messages = isQualifiedName(name)
  if (messages.length > 0) return invalidValues(field, name, messages)
  if (!name.includes('/')) {
    if (measured.includes(name) || isHugePage(name)) return []
    return [
      ...when(!isStandardResource(name), () =>
        invalidValue(field, name, 'must be a standard resource type or fully qualified'),
      ),
      invalidValue(field, name, 'must be a standard resource for containers'),
    ]
  }
  return when(!name.includes('kubernetes.io/') && !isExtendedResource(name), () =>
    invalidValue(field, name, "doesn't follow extended resource name standard"),
  )
}

function validatePodResourceName(name: string, field: string): Causes {
  return when(!isPodLevelResource(name), () => invalidValue(field, name, 'must be a standard resource for pods'))
}

type NameCheck = (name: string, field: string) => Causes

/** Limits, requests, and the one against the other. */
export function validateResources(
  resources: ResourceRequirements = {},
  field: string,
  podClaims: readonly string[],
): Causes {
  return [
    ...validateAmounts(resources, field, validateContainerResourceName),
    ...validateClaims(resources.claims, podClaims, `${field}.claims`),
  ]
}

/** Devices that the container may use, of those that the pod claims. Source: `validateResourceClaimNames`. */
function validateClaims(claims: ResourceRequirements['claims'], podClaims: readonly string[], field: string): Causes {
  const seen = new Set<string>()
  const known = podClaims.filter((name) => name !== '').sort()
  return each(field, claims, ({ name, request = '' }, path) => {
    if (name === '') return [required(path)]
    const key = request === '' ? name : `${name}/${request}`
    const isRepeated = seen.has(name) || seen.has(key)
    const parts = request === '' ? [...seen].filter((one) => one.startsWith(`${name}/`)) : []
    const wasWhole = seen.has(name)
    seen.add(key)
    return [
      ...when(!wasWhole && request !== '' && isDns1123Label(request).length > 0, () =>
        invalidValue(`${path}.request`, request, isDns1123Label(request)[0] ?? ''),
      ),
      ...when(isRepeated, () => duplicate(path, wasWhole ? name : key)),
      ...(isRepeated ? [] : parts).map(() => duplicate(path, name)),
      ...when(!podClaims.includes(name), () => unknownClaim(name, known, path)),
    ]
  })
}

function unknownClaim(name: string, known: readonly string[], field: string): StatusCause {
  const cause = fieldNotFound(field, name)
  const list = known.length === 0 ? ' which is empty' : `: ${known.join(', ')}`
  return { ...cause, message: `${cause.message}: must be one of the names in pod.spec.resourceClaims${list}` }
}

/** Pod-level resources, and what the containers have of them. Source: `validatePodResources`. */
export function validatePodResources(spec: PodSpec, field: string): Causes {
  const { resources, os, containers = [] } = spec
  if (resources === undefined) return []
  if (os?.name === 'windows') return [forbiddenField(field, 'may not be set for a windows pod')]
  return [
    ...when(
      resources.claims !== undefined,
      forbiddenField(`${field}.claims`, 'claims may not be set for Resources at pod-level'),
    ),
    ...validateAmounts(resources, field, validatePodResourceName),
    ...atLeast(resources.requests, aggregateRequests(spec), 'requests', field),
    ...atLeast(
      resources.limits,
      Object.fromEntries(Object.entries(aggregateRequests(spec, 'limits')).filter(([name]) => isHugePage(name))),
      'limits',
      field,
    ),
    ...containers.flatMap((container, index) => withinPodLimits(container, resources.limits, index, field)),
  ]
}

function atLeast(pod: ResourceList = {}, sum: ResourceList, list: 'requests' | 'limits', field: string): Causes {
  return Object.entries(sum).flatMap(([name, total]) => {
    const own = pod[name]
    return when(own !== undefined && compareQuantities(quantityOf(total), quantityOf(own)) > 0, () =>
      invalidValue(
        `${field}.${list}[${name}]`,
        own,
        `must be greater than or equal to aggregate container ${list} of ${total}`,
      ),
    )
  })
}

function withinPodLimits({ resources }: Container, limits: ResourceList = {}, index: number, field: string): Causes {
  return Object.entries(resources?.limits ?? {}).flatMap(([name, text]) => {
    const limit = limits[name]
    return when(limit !== undefined && compareQuantities(quantityOf(text), quantityOf(limit)) > 0, () =>
      invalidValue(
        `${field}.containers[${index}][${name}].limits`,
        text,
        `must be less than or equal to pod limits of ${limit}`,
      ),
    )
  })
}

function validateAmounts(
  { limits = {}, requests = {} }: ResourceRequirements,
  field: string,
  checkName: NameCheck,
): Causes {
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  const hasHugePages = names.some(isHugePage)
  return [
    ...eachEntry(`${field}.limits`, limits, (text, path, name) => [
      ...checkName(name, path),
      ...validateQuantity(name, text, path),
      ...validateHugePages(name, text, path),
    ]),
    ...eachEntry(`${field}.requests`, requests, (text, path, name) => [
      ...checkName(name, path),
      ...validateQuantity(name, text, path),
      ...requestAgainstLimit(name, text, limits, field),
      ...validateHugePages(name, text, path),
    ]),
    ...when(
      hasHugePages && !names.includes('cpu') && !names.includes('memory'),
      forbiddenField(field, 'HugePages require cpu or memory'),
    ),
  ]
}

/** As many whole pages as the name says. Source: `IsHugePageResourceValueDivisible`. */
function validateHugePages(name: string, text: string, field: string): Causes {
  if (!isHugePage(name)) return []
  const size = parseQuantity(name.slice(hugePages.length))
  const fits = size !== undefined && size.nano > 0n && quantityOf(text).nano % size.nano === 0n
  return when(!fits, () => invalidValue(field, text, `${text} is not positive integer multiple of ${name}`))
}

function requestAgainstLimit(name: string, request: string, limits: ResourceList, field: string): Causes {
  const limit = limits[name]
  const path = `${field}.requests`
  if (limit === undefined) {
    return when(
      !isOvercommitAllowed(name),
      required(`${field}.limits`, 'Limit must be set for non overcommitable resources'),
    )
  }
  const order = compareQuantities(quantityOf(request), quantityOf(limit))
  if (order !== 0 && !isOvercommitAllowed(name)) {
    return [invalidValue(path, request, `must be equal to ${name} limit of ${limit}`)]
  }
  return when(order > 0, () => invalidValue(path, request, `must be less than or equal to ${name} limit of ${limit}`))
}
