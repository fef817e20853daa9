import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ConfigMap } from './v1.ts'

/** ConfigMap. */
export const configMaps = defineResource<ConfigMap>({
  facts: factsOf('', 'configmaps'),
  definition: 'core.v1.ConfigMap',
  hasGeneration: false,
})
