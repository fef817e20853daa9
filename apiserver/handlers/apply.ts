import { unsupportedMediaType } from '../http/body.ts'
import type { ResourceHandler } from './context.ts'

/** Server-side apply. */
export const applyPatch: ResourceHandler = async () => {
  throw unsupportedMediaType([
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
  ])
}
