/** Binding: puts a pod on a node. Never stored. Source: `ValidatePodBinding`. */
import { notSupported, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { when } from '../meta/causes.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { Binding } from './v1.ts'

export const bindings = defineResource<Binding>({
  facts: factsOf('', 'bindings'),
  definition: 'core.v1.Binding',
  hasGeneration: false,
  validateName: subdomainName,
  validate: ({ target }) => [
    ...when((target.kind ?? '') !== '' && target.kind !== 'Node', () =>
      notSupported('target.kind', target.kind, ['Node', '<empty>']),
    ),
    ...when((target.name ?? '') === '', required('target.name')),
  ],
})
