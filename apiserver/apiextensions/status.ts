/**
 * The status that a CustomResourceDefinition should have. Pure.
 * Source: apiextensions-apiserver `pkg/controller/status`, `establish`, `apiapproval`.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../api/apiextensions/v1.ts'
import { sameJson } from '../../api/meta/causes.ts'
import { findCondition, isConditionTrue, setCondition } from '../../apimachinery/conditions.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'

type Crd = CustomResourceDefinition
type Status = Crd['status']

/** The next status, or the same one when nothing is to be written. `others` are the definitions of the same group. */
export function nextStatus(crd: Crd, others: readonly Crd[], time: string): Status {
  const named = sameJson(crd.spec.names, crd.status.acceptedNames) ? crd.status : acceptNames(crd, others, time)
  const approved = withApproval({ ...crd, status: named }, time)
  return withEstablished({ ...crd, status: approved }, time)
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
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: CustomResourceDefinitionCondition,
  time: string,
): readonly CustomResourceDefinitionCondition[] {
  return setCondition(conditions, { ...condition, lastTransitionTime: time })
}

/** Once established, always established. */
function withEstablished({ status }: Crd, time: string): Status {
  const { conditions } = status
  if (isConditionTrue(conditions, 'Established') || findCondition(conditions, 'NamesAccepted') === undefined)
    return status
  const condition = isConditionTrue(conditions, 'NamesAccepted')
    ? { status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
  return { ...status, conditions: withCondition(conditions, { type: 'Established', ...condition }, time) }
}

const approvalAnnotation = 'api-approved.kubernetes.io'
const see = 'see https://github.com/kubernetes/enhancements/pull/1111'

function withApproval({ spec, metadata, status }: Crd, time: string): Status {
  if (!/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group)) return status
  const condition = approvalOf(metadata.annotations?.[approvalAnnotation])
  const type = 'KubernetesAPIApprovalPolicyConformant'
  return { ...status, conditions: withCondition(status.conditions, { type, ...condition }, time) }
}

function approvalOf(value: string | undefined): Omit<CustomResourceDefinitionCondition, 'type'> {
  if (value === undefined || value === '') {
    const message = `protected groups must have approval annotation "${approvalAnnotation}", ${see}`
    return { status: 'False', reason: 'MissingAnnotation', message }
  }
  if (value.startsWith('unapproved'))
    return { status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${goQuote(value)}` }
  if (URL.canParse(value)) return { status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${value}` }
  const message = `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved", ${see}`
  return { status: 'False', reason: 'InvalidAnnotation', message }
}
