/** The prose of the API: what `kubectl explain` and the columns of tables say of fields. */
import { readFile } from 'node:fs/promises'
import type { Describe } from '../../apimachinery/openapi/names.ts'

/** Written beside the bundle by `apimachinery/openapi/descriptions.mjs`; absent when run from source: then there is none. */
const descriptionsFile = new URL('./api-descriptions.json', import.meta.url)

export type Descriptions = {
  /** Says nothing until the file is read. */
  readonly describe: Describe
  readonly loaded: Promise<void>
}

/** Begins to read the file. */
export function loadDescriptions(): Descriptions {
  let all: ReadonlyMap<string, readonly [string, Readonly<Record<string, string>>]> = new Map()
  const loaded = readFile(descriptionsFile, 'utf8').then(
    (text) => {
      all = new Map(Object.entries(JSON.parse(text) as Record<string, [string, Record<string, string>]>))
    },
    () => {},
  )
  const describe: Describe = (definition, field) => {
    const found = all.get(definition)
    const words = field === undefined ? found?.[0] : found?.[1][field]
    return words === '' ? undefined : words
  }
  return { describe, loaded }
}
