/** ControllerRevision: one version of a controller's template. Source: pkg/apis/apps/validation. */

import { required } from '../../apimachinery/field-errors.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, nonNegative, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ControllerRevision } from './v1.ts'

export const controllerRevisions = defineResource<ControllerRevision>({
  facts: factsOf('apps', 'controllerrevisions'),
  definition: 'apps.v1.ControllerRevision',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  validate: ({ revision, data }) => [...nonNegative('revision', revision), ...validateData(data)],
  validateUpdate: ({ revision, data }, old) => [
    ...nonNegative('revision', revision),
    ...immutable('data', data, old.data),
  ],
  columns: [nameColumn, text('Controller', controller), text('Revision', ({ revision }) => revision), ageColumn],
})

function validateData(data: unknown): Causes {
  if (data === undefined || data === null) return [required('data', 'data is mandatory')]
  return when(typeof data !== 'object' || Array.isArray(data), required('data', 'data must be a valid JSON object'))
}

function controller(revision: ControllerRevision): string {
  const owner = controllerRef(revision)
  if (owner === undefined) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
  return `${`${owner.kind}${group}`.toLowerCase()}/${owner.name}`
}
