/** APIService: one group and version of the API, here or elsewhere. Source: kube-aggregator pkg/apis/apiregistration. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, inRange, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { APIService } from './v1.ts'

const maxGroupPriority = 20000
const maxVersionPriority = 1000

const defaultPort = 443

export const apiServices = defineResource<APIService>({
  facts: factsOf('apiregistration.k8s.io', 'apiservices'),
  definition: 'apiregistration.v1.APIService',
  metadataRules: { update: 'whole', finalizers: 'any' },
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: pathSegmentName,
  defaults: (service) => {
    const { service: backend } = service.spec ?? {}
    if (backend === undefined) return service
    return { ...service, spec: { ...service.spec, service: { ...backend, port: backend.port ?? 443 } } }
  },
  prepareForCreate: (service) => ({ ...service, status: initialStatus(service) }),
  validate: validateApiService,
  validateUpdate: validateApiService,
  columns: [
    nameColumn,
    text('Service', ({ spec }) =>
      spec.service === undefined ? 'Local' : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`,
    ),
    text('Available', available),
    ageColumn,
  ],
})

/** What this server serves itself is there from the start. Source: `NewLocalAvailableAPIServiceCondition`. */
function initialStatus({ metadata, spec }: APIService): NonNullable<APIService['status']> {
  if (spec.service !== undefined) return {}
  const words = { reason: 'Local', message: 'Local APIServices are always available' }
  return {
    conditions: [{ type: 'Available', status: 'True', ...words, lastTransitionTime: metadata.creationTimestamp }],
  }
}

function available({ status }: APIService): string {
  const condition = findCondition(status?.conditions, 'Available')
  if (condition === undefined) return 'Unknown'
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`
}

function validateApiService({ metadata, spec }: APIService): Causes {
  const { group = '', version = '', service, insecureSkipTLSVerify, caBundle = '' } = spec
  const wanted = `${version}.${group}`
  return [
    ...when(
      metadata.name !== wanted && metadata.name !== `${version}.`,
      invalidValue('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`),
    ),
    ...when(
      group === '' && version !== 'v1',
      required('spec.group', 'only v1 may have an empty group and it better be legacy kube'),
    ),
    ...(group === '' ? [] : invalidValues('spec.group', group, isDns1123Subdomain(group))),
    ...invalidValues('spec.version', version, isDns1035Label(version)),
    ...inRange('spec.groupPriorityMinimum', spec.groupPriorityMinimum, 1, maxGroupPriority).map(
      positiveAndBelow(maxGroupPriority),
    ),
    ...inRange('spec.versionPriority', spec.versionPriority, 1, maxVersionPriority).map(
      positiveAndBelow(maxVersionPriority),
    ),
    ...(service === undefined
      ? [
          ...when(
            caBundle !== '',
            invalidValue(
              'spec.caBundle',
              `${Buffer.byteLength(caBundle, 'base64')} bytes`,
              'local APIServices may not have a caBundle',
            ),
          ),
          ...when(
            insecureSkipTLSVerify === true,
            invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'),
          ),
        ]
      : [
          ...when((service.namespace ?? '') === '', required('spec.service.namespace')),
          ...when((service.name ?? '') === '', required('spec.service.name')),
          ...inRange('spec.service.port', service.port ?? defaultPort, 1, 65535).map((cause) => ({
            ...cause,
            message: cause.message.replace('must be', 'port is not valid: must be'),
          })),
          ...when(
            insecureSkipTLSVerify === true && caBundle !== '',
            invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'),
          ),
        ]),
  ]
}

function positiveAndBelow(max: number) {
  return <T extends { readonly message: string }>(cause: T): T => ({
    ...cause,
    message: cause.message.replace(/must be between.*/, `must be positive and less than ${max}`),
  })
}
