/** ValidatingAdmissionPolicy: rules in CEL. Source: pkg/apis/admissionregistration/validation. */
import { duplicate, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, repeats, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { validateConditions } from '../meta/conditions.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { createPolicyCompiler, type PolicyCompiler, plainCompiler, resultTypes } from './cel/compiler.ts'
import { problemOf } from './match-conditions.ts'
import { paramKind } from './param-kind.ts'
import {
  defaultPolicySpec,
  staticNameWarnings,
  validatePolicyConditions,
  validatePolicySpec,
  validateVariables,
} from './policies.ts'
import type { AuditAnnotation, ValidatingAdmissionPolicy, Validation } from './v1.ts'

type Compiler = Pick<PolicyCompiler, 'compile'>

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const maxAuditAnnotations = 20
const maxValueExpressionBytes = 5 * 1024

export const validatingAdmissionPolicies = defineResource<ValidatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicies'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...policy }) => ({ ...policy, spec: defaultPolicySpec(spec) }),
  validate: (policy) => validatePolicy(policy, undefined),
  validateUpdate: validatePolicy,
  validateStatusUpdate: validateStatus,
  warnings: (policy, old) => (old === undefined ? staticNameWarnings(policy) : []),
  columns: [
    nameColumn,
    integer('Validations', ({ spec }) => (spec.validations ?? []).length),
    text('ParamKind', ({ spec }) => paramKind(spec.paramKind)),
    ageColumn,
  ],
})

function validatePolicy(
  { metadata, spec }: ValidatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | undefined,
): Causes {
  const params = spec.paramKind !== undefined
  const composed = (spec.variables ?? []).length > 0 ? createPolicyCompiler() : undefined
  return [
    ...validatePolicySpec(spec),
    ...validatePolicyConditions(spec, old?.spec),
    ...(composed === undefined ? [] : validateVariables(composed, spec.variables, { params, authorizer: true })),
    ...validateExpressions(composed ?? plainCompiler, metadata.name, spec, params),
  ]
}

function validateExpressions(
  compiler: Compiler,
  name: string,
  { validations = [], auditAnnotations = [] }: ValidatingAdmissionPolicy['spec'],
  params: boolean,
): Causes {
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item'
    return [required('spec.validations', detail), required('spec.auditAnnotations', detail)]
  }
  const again = new Set(repeats(auditAnnotations.map(({ key }) => key)))
  const shown = auditAnnotations.map((one) =>
    asInternal(one, [
      ['Key', 'key'],
      ['ValueExpression', 'valueExpression'],
    ]),
  )
  return [
    ...each('spec.validations', validations, (validation, path) =>
      validateValidation(compiler, validation, path, params),
    ),
    ...when(
      auditAnnotations.length > maxAuditAnnotations,
      invalidValue('spec.auditAnnotations', shown, `must not have more than ${maxAuditAnnotations} auditAnnotations`),
    ),
    ...each('spec.auditAnnotations', auditAnnotations, (annotation, path, index) => [
      ...validateAuditAnnotation(compiler, name, annotation, path, params),
      ...when(again.has(index), duplicate(`${path}.key`, annotation.key)),
    ]),
  ]
}

const blank = 'must be non-empty if specified'

function validateValidation(compiler: Compiler, validation: Validation, field: string, params: boolean): Causes {
  const { expression, message = '', messageExpression = '', reason } = validation
  const trimmed = message.trim()
  return [
    ...(expression.trim() === ''
      ? [required(`${field}.expression`, 'expression is not specified')]
      : problemOf(
          compiler.compile(expression, resultTypes.condition, { params, authorizer: true }),
          `${field}.expression`,
        )),
    ...(messageExpression === ''
      ? []
      : messageExpression.trim() === ''
        ? [invalidValue(`${field}.messageExpression`, messageExpression, blank)]
        : problemOf(
            compiler.compile(messageExpression, resultTypes.message, { params, authorizer: false }),
            `${field}.messageExpression`,
          )),
    ...(message !== '' && trimmed === ''
      ? [invalidValue(`${field}.message`, message, blank)]
      : when(/[\n\r]/.test(trimmed), invalidValue(`${field}.message`, message, 'must not contain line breaks'))),
    ...when(reason !== undefined && !reasons.includes(reason), notSupported(`${field}.reason`, reason, reasons)),
  ]
}

function validateAuditAnnotation(
  compiler: Compiler,
  policy: string,
  { key, valueExpression }: AuditAnnotation,
  field: string,
  params: boolean,
): Causes {
  const trimmed = valueExpression.trim()
  const full = `${policy}/${key}`
  return [
    ...(policy === ''
      ? [invalidValue(`${field}.key`, key, 'requires metadata.name be non-empty')]
      : invalidValues(`${field}.key`, full, isQualifiedName(full))),
    ...(trimmed === ''
      ? [required(`${field}.valueExpression`, 'valueExpression is not specified')]
      : Buffer.byteLength(trimmed) > maxValueExpressionBytes
        ? [required(`${field}.valueExpression`, `must not exceed ${maxValueExpressionBytes} bytes in length`)]
        : validateValueExpression(compiler, valueExpression, `${field}.valueExpression`, params)),
  ]
}

/** What is compiled is trimmed, what is shown is not. */
function validateValueExpression(compiler: Compiler, source: string, field: string, params: boolean): Causes {
  const compiled = compiler.compile(source.trim(), resultTypes.auditAnnotation, { params, authorizer: true })
  return problemOf({ ...compiled, source }, field)
}

function validateStatus({ status }: ValidatingAdmissionPolicy): Causes {
  return [
    ...each(
      'status.typeChecking.expressionWarnings',
      status.typeChecking?.expressionWarnings,
      ({ fieldRef, warning }, path) => [
        ...when(warning === '', required(`${path}.warning`)),
        ...when(fieldRef.trim() === '', required(`${path}.fieldRef`)),
      ],
    ),
    ...validateConditions(status.conditions, 'status.conditions'),
  ]
}
