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
  hasGeneration: false,
  validateName: subdomainName,
  validate: validateRevision,
  validateUpdate: (revision, old) => [...validateRevision(revision), ...immutable('data', revision.data, old.data)],
  columns: [nameColumn, text('Controller', controller), text('Revision', ({ revision }) => revision), ageColumn],
})

function validateRevision({ revision, data }: ControllerRevision): Causes {
  return [...when(data === undefined, required('data', 'data is mandatory')), ...nonNegative('revision', revision)]
}

function controller(revision: ControllerRevision): string {
  const owner = controllerRef(revision)
  if (owner === undefined) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
  return `${`${owner.kind}${group}`.toLowerCase()}/${owner.name}`
}
