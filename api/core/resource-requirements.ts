/** Rules of `resources`. Source: `ValidateContainerResourceRequirements`, `ValidateResourceQuantityValue`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import { type Causes, eachEntry, invalidValues, when } from '../meta/causes.ts'
import { isPodLevelResource, quantityOf, type ResourceList } from './pod-resources.ts'
import type { ResourceRequirements } from './v1.ts'

const nano = 1_000_000_000n
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

/** `example.com/gpu`: neither Kubernetes' own nor a quota name. */
export function isExtendedResource(name: string): boolean {
  if (!name.includes('/') || name.includes('kubernetes.io/') || name.startsWith('requests.')) return false
  return isQualifiedName(`requests.${name}`).length === 0
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
    const standard = ['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')
    return when(!standard, () => invalidValue(field, name, 'must be a standard resource for containers'))
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
  claims: readonly string[],
): Causes {
  return [
    ...validateAmounts(resources, field, validateContainerResourceName),
    ...(resources.claims ?? []).flatMap((claim, index) =>
      when(
        !claims.includes(claim.name),
        claim.name === ''
          ? required(`${field}.claims[${index}].name`)
          : {
              reason: 'FieldValueNotFound',
              message: `Not found: "${claim.name}"`,
              field: `${field}.claims[${index}].name`,
            },
      ),
    ),
  ]
}

/** Pod-level resources. */
export function validatePodResources(resources: ResourceRequirements, field: string): Causes {
  return [
    ...validateAmounts(resources, field, validatePodResourceName),
    ...when(resources.claims !== undefined, forbiddenField(`${field}.claims`, 'claims are not supported at pod-level')),
  ]
}

function validateAmounts(
  { limits = {}, requests = {} }: ResourceRequirements,
  field: string,
  checkName: NameCheck,
): Causes {
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  const hugePages = names.some((name) => name.startsWith('hugepages-'))
  return [
    ...eachEntry(`${field}.limits`, limits, (text, path, name) => [
      ...checkName(name, path),
      ...validateQuantity(name, text, path),
    ]),
    ...eachEntry(`${field}.requests`, requests, (text, path, name) => [
      ...checkName(name, path),
      ...validateQuantity(name, text, path),
      ...requestAgainstLimit(name, text, limits, field),
    ]),
    ...when(
      hugePages && !names.includes('cpu') && !names.includes('memory'),
      forbiddenField(field, 'HugePages require cpu or memory'),
    ),
  ]
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
