/**
 * The status that a CustomResourceDefinition should have. Pure.
 * Source: apiextensions-apiserver `pkg/controller/status`, `establish`, `apiapproval`.
 */
import { isCaBundle } from '../../api/apiextensions/conversion.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../api/apiextensions/v1.ts'
import { approvalOf } from '../../api/apiextensions/validation.ts'
import { sameJson } from '../../api/meta/causes.ts'
import { findCondition, isConditionTrue, removeCondition, setCondition } from '../../apimachinery/conditions.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'

type Crd = CustomResourceDefinition
type Status = Crd['status']

/** The next status, or the same one when nothing is to be written. `others` are the definitions of the same group. */
export function nextStatus(crd: Crd, others: readonly Crd[], time: string): Status {
  const named = sameJson(crd.spec.names, crd.status.acceptedNames) ? crd.status : acceptNames(crd, others, time)
  const approved = withApproval({ ...crd, status: named }, time)
  const structured = withStructure({ ...crd, status: approved }, time)
  return withEstablished({ ...crd, status: structured }, time)
}

/** Whether requests for its objects are answered. */
export function isEstablished({ status }: Crd): boolean {
  return isConditionTrue(status.conditions, 'Established')
}

type Conflict = { readonly reason: string; readonly message: string }

function acceptNames({ spec, status }: Crd, others: readonly Crd[], time: string): Status {
  const taken = others.map((other) => other.status.acceptedNames)
  const resources = new Set(
    taken.flatMap(({ plural, singular, shortNames }) => [plural, singular ?? '', ...(shortNames ?? [])]),
  )
  const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind ?? '']))
  const { names } = spec
  const old = status.acceptedNames
  const problem = (reason: string, wanted = '', accepted = '', used = resources): Conflict | undefined =>
    wanted === accepted || !used.has(wanted) ? undefined : { reason, message: `${goQuote(wanted)} is already in use` }
  const conflicts = {
    plural: problem('PluralConflict', names.plural, old.plural),
    singular: problem('SingularConflict', names.singular, old.singular),
    shortNames: shortNameConflict(names.shortNames ?? [], old.shortNames ?? [], resources),
    kind: problem('KindConflict', names.kind, old.kind, kinds),
    listKind: problem('ListKindConflict', names.listKind, old.listKind, kinds),
  }
  const accepted: CustomResourceDefinitionNames = {
    ...names,
    plural: conflicts.plural === undefined ? names.plural : old.plural,
    kind: conflicts.kind === undefined ? names.kind : old.kind,
  }
  const acceptedNames = withOld(
    withOld(withOld(accepted, old, 'singular', conflicts.singular), old, 'shortNames', conflicts.shortNames),
    old,
    'listKind',
    conflicts.listKind,
  )
  const last = Object.values(conflicts).findLast((conflict) => conflict !== undefined)
  const condition: CustomResourceDefinitionCondition =
    last === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...last }
  return { ...status, acceptedNames, conditions: withCondition(status.conditions, condition, time) }
}

/** A name that somebody else has stays what it was. */
function withOld(
  names: CustomResourceDefinitionNames,
  old: CustomResourceDefinitionNames,
  field: 'singular' | 'shortNames' | 'listKind',
  conflict: Conflict | undefined,
): CustomResourceDefinitionNames {
  if (conflict === undefined) return names
  const { [field]: _wanted, ...rest } = names
  return old[field] === undefined ? rest : { ...rest, [field]: old[field] }
}

function shortNameConflict(
  wanted: readonly string[],
  accepted: readonly string[],
  used: ReadonlySet<string>,
): Conflict | undefined {
  const taken = wanted.filter((name) => !accepted.includes(name) && used.has(name))
  if (taken.length === 0) return undefined
  const texts = taken.map((name) => `${goQuote(name)} is already in use`)
  return { reason: 'ShortNamesConflict', message: texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]` }
}

function withCondition(
  conditions: Status['conditions'],
  condition: CustomResourceDefinitionCondition,
  time: string,
): readonly CustomResourceDefinitionCondition[] {
  return setCondition(conditions, { ...condition, lastTransitionTime: time })
}

/** Once established, always established. */
function withEstablished({ spec, status }: Crd, time: string): Status {
  const { conditions } = status
  if (isConditionTrue(conditions, 'Established') || findCondition(conditions, 'NamesAccepted') === undefined)
    return status
  const condition = !isConditionTrue(conditions, 'NamesAccepted')
    ? { status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
    : hasBadBundle(spec)
      ? { status: 'False', reason: 'InvalidCABundle', message: 'The conversion webhook CABundle is invalid' }
      : { status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
  return { ...status, conditions: withCondition(conditions, { type: 'Established', ...condition }, time) }
}

function hasBadBundle({ conversion }: Crd['spec']): boolean {
  const bundle = conversion?.webhook?.clientConfig?.caBundle ?? ''
  return bundle !== '' && !isCaBundle(bundle)
}

const approvalReasons = {
  missing: 'MissingAnnotation',
  bypassed: 'UnapprovedAnnotation',
  approved: 'ApprovedAnnotation',
  invalid: 'InvalidAnnotation',
} as const

function withApproval(crd: Crd, time: string): Status {
  const approval = approvalOf(crd)
  if (approval === undefined) return crd.status
  const condition = {
    type: 'KubernetesAPIApprovalPolicyConformant',
    status: approval.state === 'approved' ? 'True' : 'False',
    reason: approvalReasons[approval.state],
    message: approval.reason,
  }
  return { ...crd.status, conditions: withCondition(crd.status.conditions, condition, time) }
}

/** Definitions of old may keep all unknown fields; every other has a structural schema, or it would have been refused. */
function withStructure({ spec, status }: Crd, time: string): Status {
  const type = 'NonStructuralSchema'
  if (spec.preserveUnknownFields !== true) {
    return { ...status, conditions: removeCondition(status.conditions, type) }
  }
  const message = 'spec.preserveUnknownFields: Invalid value: true: must be false'
  const condition = { type, status: 'True', reason: 'Violations', message }
  return { ...status, conditions: withCondition(status.conditions, condition, time) }
}
