/** PriorityLevelConfiguration: how much the server does at once. Source: pkg/apis/flowcontrol, `printPriorityLevelConfiguration`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, inRange, oneOf, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateConditions } from './conditions.ts'
import { mandatoryPriorityLevels } from './mandatory.ts'
import { maxHashBits, requiredEntropyBits } from './shuffle-sharding.ts'
import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from './v1.ts'

const queuingDefaults = { queues: 64, handSize: 8, queueLengthLimit: 50 }
const maxQueues = 10000000

export const priorityLevelConfigurations = defineResource<PriorityLevelConfiguration>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'prioritylevelconfigurations'),
  definition: 'flowcontrol.v1.PriorityLevelConfiguration',
  validateName: subdomainName,
  defaults: (level) => ({ ...level, spec: defaultSpec(level.spec) }),
  validate: validateLevel,
  validateUpdate: validateLevel,
  validateStatusUpdate: ({ status }) => validateConditions(status),
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
    ...(exempt === undefined ? {} : { exempt: { nominalConcurrencyShares: 0, lendablePercent: 0, ...exempt } }),
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

function validateLevel(level: PriorityLevelConfiguration): Causes {
  return [
    ...when(
      level.metadata.annotations?.[zeroSharesAnnotation] !== undefined,
      forbiddenField('metadata.annotations', `annotation '${zeroSharesAnnotation}' is forbidden`),
    ),
    ...validateSpec(level.metadata.name, level.spec),
    ...validateFixed(level.metadata.name, level.spec),
    ...validateConditions(level.status),
  ]
}

/** Only for objects of v1beta3. */
const zeroSharesAnnotation = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'

/** The level `exempt` may have shares of its own; `catch-all` is as it is. */
function validateFixed(name: string, spec: PriorityLevelConfigurationSpec): Causes {
  if (name === 'exempt') {
    const { exempt: _shares, ...rest } = spec
    return when(!sameJson(rest, { type: 'Exempt' }), () =>
      invalidValue(
        'spec',
        internalSpec(spec),
        "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value",
      ),
    )
  }
  return when(name === 'catch-all' && !sameJson(spec, mandatoryPriorityLevels['catch-all']), () =>
    invalidValue('spec', internalSpec(spec), "spec of 'catch-all' must equal the fixed value"),
  )
}

/** As upstream's internal type prints it. */
function internalSpec({ type, limited, exempt }: PriorityLevelConfigurationSpec): Json {
  const queuing = limited?.limitResponse.queuing
  const response = {
    Type: limited?.limitResponse.type ?? '',
    Queuing: queuing === undefined ? null : asInternal(queuing, internalQueuing),
  }
  return {
    Type: type,
    Limited: limited === undefined ? null : asInternal({ ...limited, response }, internalLimited),
    Exempt: exempt === undefined ? null : asInternal(exempt, internalExempt),
  }
}

const internalQueuing = [
  ['Queues', 'queues', 0],
  ['HandSize', 'handSize', 0],
  ['QueueLengthLimit', 'queueLengthLimit', 0],
] as const
const internalLimited = [
  ['NominalConcurrencyShares', 'nominalConcurrencyShares', 0],
  ['LimitResponse', 'response'],
  ['LendablePercent', 'lendablePercent'],
  ['BorrowingLimitPercent', 'borrowingLimitPercent'],
] as const
const internalExempt = [
  ['NominalConcurrencyShares', 'nominalConcurrencyShares'],
  ['LendablePercent', 'lendablePercent'],
] as const

function validateSpec(name: string, { type, limited, exempt }: PriorityLevelConfigurationSpec): Causes {
  return [
    ...when(
      (name === 'exempt') !== (type === 'Exempt'),
      invalidValue('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"),
    ),
    ...validateUnion(type, limited, exempt),
  ]
}

function validateUnion(
  type: string,
  limited: LimitedPriorityLevelConfiguration | undefined,
  exempt: ExemptPriorityLevelConfiguration | undefined,
): Causes {
  if (type === 'Exempt') {
    return [
      ...when(limited !== undefined, forbiddenField('spec.limited', 'must be nil if the type is not Limited')),
      ...(exempt === undefined ? [] : [...shares('spec.exempt', exempt), ...lendable('spec.exempt', exempt)]),
    ]
  }
  if (type !== 'Limited') return oneOf('spec.type', type, ['Exempt', 'Limited'])
  return [
    ...when(exempt !== undefined, forbiddenField('spec.exempt', 'must be nil if the type is Limited')),
    ...(limited === undefined
      ? [required('spec.limited', 'must not be empty when type is Limited')]
      : validateLimited(limited)),
  ]
}

type Lent = Pick<LimitedPriorityLevelConfiguration, 'nominalConcurrencyShares' | 'lendablePercent'>

function shares(field: string, { nominalConcurrencyShares = 0 }: Lent): Causes {
  return when(
    nominalConcurrencyShares < 0,
    invalidValue(`${field}.nominalConcurrencyShares`, nominalConcurrencyShares, 'must be a non-negative integer'),
  )
}

function lendable(field: string, { lendablePercent }: Lent): Causes {
  return lendablePercent === undefined ? [] : inRange(`${field}.lendablePercent`, lendablePercent, 0, 100)
}

function validateLimited(limited: LimitedPriorityLevelConfiguration): Causes {
  const { limitResponse, borrowingLimitPercent = 0 } = limited
  const field = 'spec.limited'
  return [
    ...shares(field, limited),
    ...validateResponse(limitResponse, `${field}.limitResponse`),
    ...lendable(field, limited),
    ...when(
      borrowingLimitPercent < 0,
      invalidValue(
        `${field}.borrowingLimitPercent`,
        borrowingLimitPercent,
        'if specified, must be a non-negative integer',
      ),
    ),
  ]
}

function validateResponse({ type, queuing }: LimitResponse, field: string): Causes {
  const path = `${field}.queuing`
  if (type === 'Reject') {
    const detail = 'must be nil if limited.limitResponse.type is not Limited'
    return when(queuing !== undefined, forbiddenField(path, detail))
  }
  if (type !== 'Queue') return oneOf(`${field}.type`, type, ['Queue', 'Reject'])
  if (queuing === undefined) return [required(path, 'must not be empty if limited.limitResponse.type is Limited')]
  return validateQueuing(queuing, path)
}

function validateQueuing({ queues, handSize, queueLengthLimit }: QueuingConfiguration, field: string): Causes {
  return [
    ...when(queueLengthLimit <= 0, invalidValue(`${field}.queueLengthLimit`, queueLengthLimit, 'must be positive')),
    ...when(queues <= 0, invalidValue(`${field}.queues`, queues, 'must be positive')),
    ...when(queues > maxQueues, invalidValue(`${field}.queues`, queues, `must not be greater than ${maxQueues}`)),
    ...validateHandSize(queues, handSize, `${field}.handSize`),
  ]
}

function validateHandSize(queues: number, handSize: number, field: string): Causes {
  if (handSize <= 0) return [invalidValue(field, handSize, 'must be positive')]
  if (handSize > queues) return [invalidValue(field, handSize, `should not be greater than queues (${queues})`)]
  const sizes = `deckSize ${queues} and handSize ${handSize}`
  return when(
    requiredEntropyBits(queues, handSize) > maxHashBits,
    invalidValue(field, handSize, `required entropy bits of ${sizes} should not be greater than ${maxHashBits}`),
  )
}
