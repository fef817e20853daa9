/** Where an Ingress sends requests: paths and their backends. Source: pkg/apis/networking/validation. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isPathSegmentName,
  isPortName,
  isPortNumber,
} from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, when } from '../meta/causes.ts'
import type { HTTPIngressPath, IngressBackend, IngressServiceBackend } from './v1.ts'

const badParts = ['//', '/./', '/../', '%2f', '%2F']
const badEnds = ['/..', '/.']

/** Paths of one rule; there must be one. */
export function validatePaths(paths: readonly HTTPIngressPath[] | undefined, field: string): Causes {
  if ((paths ?? []).length === 0) return [required(field)]
  return each(field, paths, (one, path) =>
    one.pathType === undefined
      ? [required(`${path}.pathType`, 'pathType must be specified')]
      : [...validatePath(one, path), ...validateBackend(one.backend, `${path}.backend`)],
  )
}

function validatePath({ path = '', pathType }: HTTPIngressPath, field: string): Causes {
  if (pathType === 'ImplementationSpecific') {
    return when(path !== '' && !path.startsWith('/'), invalidValue(`${field}.path`, path, 'must be an absolute path'))
  }
  if (pathType !== 'Exact' && pathType !== 'Prefix') {
    return oneOf(`${field}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix'])
  }
  return [
    ...when(!path.startsWith('/'), invalidValue(`${field}.path`, path, 'must be an absolute path')),
    ...badParts
      .filter((part) => path.includes(part))
      .map((part) => invalidValue(`${field}.path`, path, `must not contain '${part}'`)),
    ...badEnds
      .filter((end) => path.endsWith(end))
      .map((end) => invalidValue(`${field}.path`, path, `cannot end with '${end}'`)),
  ]
}

/** Either a port of a service or an object of the same namespace. */
export function validateBackend({ service, resource }: IngressBackend, field: string): Causes {
  if (resource !== undefined && service !== undefined) {
    return [invalidValue(field, '', 'cannot set both resource and service backends')]
  }
  if (resource !== undefined) return validateReference(resource, `${field}.resource`)
  if (service !== undefined) return validateService(service, field)
  return [invalidValue(field, '', 'resource or service backend is required')]
}

/** What is said of both parts of the port together is said at the backend. */
function validateService({ name: serviceName, port }: IngressServiceBackend, field: string): Causes {
  const { name = '', number = 0 } = port ?? {}
  const path = `${field}.service`
  return [
    ...(serviceName === ''
      ? [required(`${path}.name`)]
      : invalidValues(`${path}.name`, serviceName, isDns1123Label(serviceName))),
    ...when(name !== '' && number !== 0, invalidValue(field, '', 'cannot set both port name & port number')),
    ...(name !== '' && number === 0 ? invalidValues(`${path}.port.name`, name, isPortName(name)) : []),
    ...(name === '' && number !== 0 ? invalidValues(`${path}.port.number`, number, isPortNumber(number)) : []),
    ...when(name === '' && number === 0, required(field, 'port name or number is required')),
  ]
}

type Reference = { readonly apiGroup?: string | null; readonly kind: string; readonly name: string }

/** An object by group, kind and name, each fit for a URL. */
export function validateReference({ apiGroup, kind, name }: Reference, field: string): Causes {
  return [
    ...(typeof apiGroup === 'string' ? invalidValues(`${field}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup)) : []),
    ...validateSegment(`${field}.kind`, kind),
    ...validateSegment(`${field}.name`, name),
  ]
}

/** A segment of a URL that must be there. */
export function validateSegment(field: string, value: string): Causes {
  return value === '' ? [required(field)] : invalidValues(field, value, isPathSegmentName(value))
}
