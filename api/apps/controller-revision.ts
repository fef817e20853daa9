import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ControllerRevision } from './v1.ts'

/** ControllerRevision. */
export const controllerRevisions = defineResource<ControllerRevision>({
  facts: factsOf('apps', 'controllerrevisions'),
  definition: 'apps.v1.ControllerRevision',
  hasGeneration: false,
})
