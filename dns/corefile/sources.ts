/** Where the Corefile comes from: a ConfigMap that is watched, or a file that is read again when it changes. */
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { ConfigMap } from '../../api/core/v1.ts'
import { createInformer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { configMaps } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'

/** A Corefile, and how `import` finds other texts. */
export type Source = {
  readonly file: string
  readonly text: string
  readonly importFiles: (pattern: string) => readonly { readonly file: string; readonly text: string }[]
}

/** Takes over a Corefile; `undefined` when there is none (any more). */
export type Take = (source: Source | undefined) => Promise<void>

/** The key of a ConfigMap that holds the Corefile. */
const corefileKey = 'Corefile'
/** How often a file is looked at. */
const filePollMs = 1_000

/** What following a ConfigMap needs. */
export type ConfigMapOptions = {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: string
  readonly name: string
}

/** Hands over the Corefile of a ConfigMap now and after every change, one after the other. */
export async function followConfigMap(options: ConfigMapOptions, take: Take, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, namespace, name } = options
  const informer = createInformer({
    client,
    clock,
    logger,
    ref: configMaps,
    namespace,
    fieldSelector: `metadata.name=${name}`,
  })
  let last: Promise<void> = Promise.resolve()
  const changed = (): void => {
    const map = informer.get(`${namespace}/${name}`)
    last = last.then(async () => await take(map === undefined ? undefined : sourceOf(map)))
  }
  informer.onChange(changed)
  const first = informer.whenSynced(signal).then(() => {
    if (informer.get(`${namespace}/${name}`) !== undefined) return
    logger.info('No ConfigMap with a Corefile yet', { namespace, name })
  })
  await Promise.all([informer.run(signal), first])
}

/** A ConfigMap's Corefile; its other keys are the files that it may import. */
function sourceOf({ metadata, data = {} }: ConfigMap): Source | undefined {
  const text = data[corefileKey]
  if (text === undefined) return undefined
  return {
    file: `${metadata.namespace}/${metadata.name}/${corefileKey}`,
    text,
    importFiles: (pattern) => {
      const matches = globTest(basename(pattern))
      const own = Object.entries(data).filter(([key]) => key !== corefileKey && matches(key))
      if (own.length > 0) return own.map(([file, content]) => ({ file, text: content }))
      return pattern.startsWith('/') ? filesOf(pattern) : []
    },
  }
}

/** Hands over the Corefile in a file, now and after every change. */
export async function followFile(path: string, clock: Clock, take: Take, signal: AbortSignal): Promise<void> {
  let before: string | undefined
  for (;;) {
    const text = await readFile(path, 'utf8')
    const importFiles = (pattern: string): ReturnType<Source['importFiles']> => filesOf(resolve(dirname(path), pattern))
    if (text !== before) await take({ file: path, text, importFiles })
    before = text
    await clock.sleep(filePollMs, signal)
  }
}

/** The files that a path with wildcards in its last part names, in order. */
function filesOf(pattern: string): readonly { readonly file: string; readonly text: string }[] {
  const matches = globTest(basename(pattern))
  const folder = dirname(pattern)
  let names: readonly string[]
  try {
    names = readdirSync(folder)
  } catch {
    return []
  }
  return names
    .filter(matches)
    .toSorted()
    .map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }))
}

/** `*` and `?` as in a shell. */
function globTest(pattern: string): (name: string) => boolean {
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === '*') return '[^/]*'
    return part === '?' ? '[^/]' : part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  })
  const expression = new RegExp(`^${parts.join('')}$`)
  return (name) => expression.test(name)
}
