/** PriorityLevelConfiguration: how much the server does at once. Source: pkg/apis/flowcontrol, `printPriorityLevelConfiguration`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, inRange, oneOf, positive, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from './v1.ts'

const queuingDefaults = { queues: 64, handSize: 8, queueLengthLimit: 50 }
const maxQueues = 10000000

export const priorityLevelConfigurations = defineResource<PriorityLevelConfiguration>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'prioritylevelconfigurations'),
  definition: 'flowcontrol.v1.PriorityLevelConfiguration',
  validateName: subdomainName,
  defaults: (level) => ({ ...level, spec: defaultSpec(level.spec) }),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }) => validateSpec(spec),
  columns: [
    nameColumn,
    text('Type', ({ spec }) => spec.type),
    text('NominalConcurrencyShares', ({ spec }) => {
      const shares = (spec.limited ?? spec.exempt)?.nominalConcurrencyShares
      return shares ?? '<none>'
    }),
    text('Queues', ({ spec }) => spec.limited?.limitResponse.queuing?.queues ?? '<none>'),
    text('HandSize', ({ spec }) => spec.limited?.limitResponse.queuing?.handSize ?? '<none>'),
    text('QueueLengthLimit', ({ spec }) => spec.limited?.limitResponse.queuing?.queueLengthLimit ?? '<none>'),
    ageColumn,
  ],
})

function defaultSpec(spec: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  const { limited, exempt } = spec
  return {
    ...spec,
    ...(limited === undefined ? {} : { limited: defaultLimited(limited) }),
    ...(spec.type === 'Exempt' ? { exempt: { nominalConcurrencyShares: 0, lendablePercent: 0, ...exempt } } : {}),
  }
}

function defaultLimited(limited: LimitedPriorityLevelConfiguration): LimitedPriorityLevelConfiguration {
  const { queuing } = limited.limitResponse
  return {
    nominalConcurrencyShares: 30,
    lendablePercent: 0,
    ...limited,
    limitResponse: {
      ...limited.limitResponse,
      ...(queuing === undefined
        ? {}
        : {
            queuing: {
              queues: queuing.queues || queuingDefaults.queues,
              handSize: queuing.handSize || queuingDefaults.handSize,
              queueLengthLimit: queuing.queueLengthLimit || queuingDefaults.queueLengthLimit,
            },
          }),
    },
  }
}

function validateSpec({ type, limited, exempt }: PriorityLevelConfigurationSpec): Causes {
  switch (type) {
    case 'Exempt':
      return [
        ...when(limited !== undefined, forbiddenField('spec.limited', 'must be nil if the type is not Limited')),
        ...(exempt?.lendablePercent === undefined
          ? []
          : inRange('spec.exempt.lendablePercent', exempt.lendablePercent, 0, 100)),
      ]
    case 'Limited':
      return limited === undefined
        ? [required('spec.limited', 'must not be empty when type is Limited')]
        : [
            ...when(exempt !== undefined, forbiddenField('spec.exempt', 'must be nil if the type is Limited')),
            ...validateLimited(limited),
          ]
    default:
      return oneOf('spec.type', type, ['Exempt', 'Limited'])
  }
}

function validateLimited({
  nominalConcurrencyShares: shares = 0,
  limitResponse,
  lendablePercent,
  borrowingLimitPercent,
}: LimitedPriorityLevelConfiguration): Causes {
  const field = 'spec.limited'
  const { type, queuing } = limitResponse
  const path = `${field}.limitResponse`
  return [
    ...when(shares < 0, invalidValue(`${field}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')),
    ...(lendablePercent === undefined ? [] : inRange(`${field}.lendablePercent`, lendablePercent, 0, 100)),
    ...when(
      borrowingLimitPercent !== undefined && borrowingLimitPercent < 0,
      invalidValue(
        `${field}.borrowingLimitPercent`,
        borrowingLimitPercent,
        'if specified, must be a non-negative integer',
      ),
    ),
    ...oneOf(`${path}.type`, type, ['Queue', 'Reject']),
    ...when(
      type === 'Reject' && queuing !== undefined,
      forbiddenField(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited'),
    ),
    ...when(
      type === 'Queue' && queuing === undefined,
      required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited'),
    ),
    ...(queuing === undefined
      ? []
      : [
          ...positive(`${path}.queuing.queueLengthLimit`, queuing.queueLengthLimit),
          ...positive(`${path}.queuing.queues`, queuing.queues),
          ...positive(`${path}.queuing.handSize`, queuing.handSize),
          ...when(
            queuing.queues > maxQueues,
            invalidValue(`${path}.queuing.queues`, queuing.queues, `must not be greater than ${maxQueues}`),
          ),
          ...when(
            queuing.handSize > queuing.queues,
            invalidValue(
              `${path}.queuing.handSize`,
              queuing.handSize,
              `should not be greater than queues (${queuing.queues})`,
            ),
          ),
        ]),
  ]
}
