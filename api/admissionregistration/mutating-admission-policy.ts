/** MutatingAdmissionPolicy: changes in CEL. Source: pkg/apis/admissionregistration/validation. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { type CompiledExpression, createPolicyCompiler, type PolicyCompiler, resultTypes } from './cel/compiler.ts'
import { problemOf } from './match-conditions.ts'
import { paramKind } from './param-kind.ts'
import {
  defaultPolicySpec,
  staticNameWarnings,
  validatePolicyConditions,
  validatePolicySpec,
  validateVariables,
} from './policies.ts'
import type { MutatingAdmissionPolicy, Mutation } from './v1.ts'

/** There is nothing to change in what is deleted. */
const operations = ['*', 'CONNECT', 'CREATE', 'UPDATE']

export const mutatingAdmissionPolicies = defineResource<MutatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicies'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicy',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...policy }) => ({ ...policy, spec: defaultPolicySpec(spec) }),
  validate: (policy) => validatePolicy(policy, undefined),
  validateUpdate: validatePolicy,
  warnings: (policy, old) => (old === undefined ? staticNameWarnings(policy) : []),
  columns: [
    nameColumn,
    integer('Mutations', ({ spec }) => (spec.mutations ?? []).length),
    text('ParamKind', ({ spec }) => paramKind(spec.paramKind)),
    ageColumn,
  ],
})

function validatePolicy({ spec }: MutatingAdmissionPolicy, old: MutatingAdmissionPolicy | undefined): Causes {
  const { mutations = [], reinvocationPolicy = '' } = spec
  const params = spec.paramKind !== undefined
  const compiler = createPolicyCompiler()
  return [
    ...validatePolicySpec(spec),
    ...validateOperations(spec),
    ...validatePolicyConditions(spec, old?.spec),
    ...validateVariables(compiler, spec.variables, { params, authorizer: true }),
    ...when(mutations.length === 0, required('spec.mutations', 'mutations must contain at least one item')),
    ...each('spec.mutations', mutations, (mutation, path) => validateMutation(compiler, mutation, path, params)),
    ...(reinvocationPolicy === ''
      ? [required('spec.reinvocationPolicy')]
      : oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never'])),
  ]
}

function validateOperations({ matchConstraints }: MutatingAdmissionPolicy['spec']): Causes {
  const field = 'spec.matchConstraints.resourceRules.operations'
  return (matchConstraints?.resourceRules ?? [])
    .flatMap((rule) => rule.operations ?? [])
    .filter((operation) => !operations.includes(operation))
    .map((operation) => notSupported(field, operation, operations))
}

const kindsOfPatch = [
  { type: 'ApplyConfiguration', field: 'applyConfiguration', results: resultTypes.applyConfiguration },
  { type: 'JSONPatch', field: 'jsonPatch', results: resultTypes.jsonPatch },
] as const

function validateMutation(compiler: PolicyCompiler, mutation: Mutation, field: string, params: boolean): Causes {
  const { patchType } = mutation
  if (patchType === '') return [required(`${field}.patchType`)]
  const wanted = kindsOfPatch.find(({ type }) => type === patchType)
  if (wanted === undefined) {
    return [
      notSupported(
        `${field}.patchType`,
        patchType,
        kindsOfPatch.map(({ type }) => type),
      ),
    ]
  }
  const detail = `when patchType is ${patchType}`
  const patch = mutation[wanted.field]
  return [
    ...(patch === undefined
      ? [required(`${field}.${wanted.field}`, `must be specified ${detail}`)]
      : validatePatch(patch.expression ?? '', `${field}.${wanted.field}.expression`, (source) =>
          compiler.compile(source, wanted.results, { params, authorizer: true, patches: true }),
        )),
    ...kindsOfPatch
      .filter((other) => other !== wanted && mutation[other.field] !== undefined)
      .map((other) => invalidValue(`${field}.${other.field}`, `{${other.field}}`, `must not be specified ${detail}`)),
  ]
}

function validatePatch(expression: string, field: string, compile: (source: string) => CompiledExpression): Causes {
  const source = expression.trim()
  return source === '' ? [required(field)] : problemOf(compile(source), field)
}
