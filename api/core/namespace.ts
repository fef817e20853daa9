/** Namespace: a room of names. Source: pkg/registry/core/namespace/strategy.go. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { labelName, validateKubeFinalizer } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { Namespace } from './v1.ts'

const nameLabel = 'kubernetes.io/metadata.name'

export const namespaces = defineResource<Namespace>({
  facts: factsOf('', 'namespaces'),
  definition: 'core.v1.Namespace',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: labelName,
  defaults: (namespace) =>
    labelWithName({ ...namespace, status: { ...namespace.status, phase: namespace.status?.phase || 'Active' } }),
  validate: validateFinalizers,
  validateUpdate: validateFinalizers,
  validateStatusUpdate: validatePhase,
  prepareForCreate: (namespace) => {
    const { finalizers = [] } = namespace.spec ?? {}
    const own = finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes']
    return labelWithName({ ...namespace, spec: { finalizers: own }, status: { phase: 'Active' } })
  },
  prepareForUpdate: (namespace, old) => labelWithName({ ...namespace, spec: old.spec, status: old.status }),
  prepareForStatusUpdate: keepSpec,
  columns: [nameColumn, text('Status', (namespace) => namespace.status.phase ?? ''), ageColumn],
  selectableFields: { 'status.phase': (namespace) => namespace.status.phase ?? '' },
})

/** So that selectors can name namespaces. */
function labelWithName(namespace: Namespace): Namespace {
  const { name, labels } = namespace.metadata
  if ((name ?? '') === '') return namespace
  return { ...namespace, metadata: { ...namespace.metadata, labels: { ...labels, [nameLabel]: name } } }
}

/** What `PUT …/finalize` sends is checked as any spec. */
function validateFinalizers({ spec }: Namespace): Causes {
  return (spec.finalizers ?? []).flatMap((finalizer) => [
    ...invalidValues('spec.finalizers', finalizer, isQualifiedName(finalizer)),
    ...validateKubeFinalizer(finalizer, 'spec.finalizers'),
  ])
}

function validatePhase({ metadata, status }: Namespace): Causes {
  const { phase = '' } = status
  return metadata.deletionTimestamp === undefined
    ? when(phase !== 'Active', () =>
        invalidValue('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty"),
      )
    : when(phase !== 'Terminating', () =>
        invalidValue('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty"),
      )
}
