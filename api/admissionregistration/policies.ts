/** What policies of both kinds and their bindings have in common. Source: pkg/apis/admissionregistration/validation. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { type Causes, each, invalidValues, oneOf, sameJson, when } from '../meta/causes.ts'
import { subdomainName } from '../meta/validation.ts'
import type { OptionalVariables, PolicyCompiler } from './cel/compiler.ts'
import { problemOf, validateMatchConditions } from './match-conditions.ts'
import { defaultMatch, validateMatch } from './match-rules.ts'
import { validateParamKind, validateParamRef } from './param-kind.ts'
import type {
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicySpec,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicySpec,
  Variable,
} from './v1.ts'

type PolicySpec = {
  readonly paramKind?: ParamKind
  readonly matchConstraints?: MatchResources
  readonly matchConditions?: readonly MatchCondition[]
  readonly failurePolicy?: string
}

/** Defaults of a policy of either kind. */
export function defaultPolicySpec<Spec extends ValidatingAdmissionPolicySpec | MutatingAdmissionPolicySpec>(
  spec: Spec,
): Spec {
  return {
    ...spec,
    failurePolicy: spec.failurePolicy ?? 'Fail',
    ...(spec.matchConstraints === undefined ? {} : { matchConstraints: defaultMatch(spec.matchConstraints) }),
  }
}

/** What is checked of a policy before its own expressions. */
export function validatePolicySpec(spec: PolicySpec): Causes {
  const { failurePolicy, paramKind, matchConstraints } = spec
  return [
    ...(failurePolicy === undefined
      ? [required('spec.failurePolicy')]
      : oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])),
    ...(paramKind === undefined ? [] : validateParamKind(paramKind, 'spec.paramKind')),
    ...(matchConstraints === undefined
      ? [required('spec.matchConstraints')]
      : [
          ...validateMatch(matchConstraints, 'spec.matchConstraints'),
          ...when((matchConstraints.resourceRules ?? []).length === 0, required('spec.matchConstraints.resourceRules')),
        ]),
  ]
}

/** Conditions that did not change are taken as they are. */
export function validatePolicyConditions(spec: PolicySpec, old: PolicySpec | undefined): Causes {
  const { paramKind, matchConditions } = spec
  if (
    old !== undefined &&
    sameJson(paramKind, old.paramKind) &&
    sameJson(matchConditions ?? null, old.matchConditions ?? null)
  ) {
    return []
  }
  return validateMatchConditions(matchConditions, 'spec.matchConditions', { params: paramKind !== undefined })
}

const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/
const reserved = new Set(
  `true false null in as break const continue else for function if import let loop package namespace return var void
   while`.split(/\s+/),
)

/** Named expressions; each may use those before it. */
export function validateVariables(
  compiler: PolicyCompiler,
  variables: readonly Variable[] | undefined,
  optional: OptionalVariables,
): Causes {
  return each('spec.variables', variables, ({ name, expression }, path) => [
    ...(name.trim() === ''
      ? [required(`${path}.name`, 'name is not specified')]
      : when(
          !identifier.test(name) || reserved.has(name),
          invalidValue(`${path}.name`, name, 'must be a valid CEL identifier'),
        )),
    ...(expression.trim() === ''
      ? [required(`${path}.expression`, 'expression is not specified')]
      : problemOf(compiler.addVariable(name, expression, optional), `${path}.expression`)),
  ])
}

type BindingSpec = {
  readonly policyName?: string
  readonly paramRef?: ParamRef
  readonly matchResources?: MatchResources
}

/** Defaults of a binding of either kind. */
export function defaultBindingSpec<Spec extends { readonly matchResources?: MatchResources }>(spec: Spec): Spec {
  return {
    ...spec,
    ...(spec.matchResources === undefined ? {} : { matchResources: defaultMatch(spec.matchResources) }),
  }
}

/** Rules of a binding of either kind. */
export function validateBindingSpec({ policyName = '', paramRef, matchResources }: BindingSpec): Causes {
  return [
    ...(policyName === ''
      ? [required('spec.policyName')]
      : invalidValues('spec.policyName', policyName, subdomainName(policyName))),
    ...validateParamRef(paramRef, 'spec.paramRef'),
    ...validateMatch(matchResources, 'spec.matchResources'),
  ]
}

const staticSuffix = '.static.k8s.io'

/** Names that are kept for configurations that come from files. Source: `WarningsForStaticSuffix`. */
export function staticNameWarnings({ metadata: { name } }: { readonly metadata: { readonly name: string } }) {
  return (name ?? '').endsWith(staticSuffix)
    ? [
        `metadata.name: names ending with "${staticSuffix}" are reserved for static manifest-based configurations and cannot be managed via the API`,
      ]
    : []
}
