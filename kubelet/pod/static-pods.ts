/** Static pods: manifests in a folder become pods of this node alone; mirror pods show them in the API. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Pod } from '../../api/core/v1.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { configHashAnnotation, configSeenAnnotation, configSourceAnnotation } from '../runtime/labels.ts'

export type StaticPodOptions = {
  readonly folder: string
  readonly nodeName: string
  readonly periodMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Defaults and structure of a pod, as the API server would give it. Throws when it is none. */
  readonly decode: (manifest: object) => Pod
  /** Told after every look at the folder. */
  readonly onPods: (pods: readonly Pod[]) => void
}

/** Reads the folder again and again until `signal` aborts. A manifest that cannot be used is logged and left out. */
export async function watchStaticPods(options: StaticPodOptions, signal: AbortSignal): Promise<void> {
  const { folder, clock, periodMs } = options
  const seen = new Map<string, { readonly mtimeMs: number; readonly pod: Pod }>()
  while (!signal.aborted) {
    let names: readonly string[]
    try {
      names = await manifestNames(folder)
    } catch (error) {
      // What cannot be read now is not gone: the pods of the last look stay.
      options.logger.error('Folder of static pods was not read', { folder, error })
      await clock.sleep(periodMs, signal)
      continue
    }
    for (const name of seen.keys()) if (!names.includes(name)) seen.delete(name)
    for (const name of names) {
      const path = join(folder, name)
      try {
        const { mtimeMs } = await stat(path)
        if (seen.get(name)?.mtimeMs === mtimeMs) continue
        seen.set(name, { mtimeMs, pod: readManifest(await readFile(path, 'utf8'), path, options) })
      } catch (error) {
        seen.delete(name)
        options.logger.error('Static pod was not read', { path, error })
      }
    }
    options.onPods([...seen.values()].map(({ pod }) => pod))
    await clock.sleep(periodMs, signal)
  }
  signal.throwIfAborted()
}

/** A folder that is not there is an empty one. */
async function manifestNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** The pod that a manifest stands for on this node. Source: upstream `pkg/kubelet/config/common.go`. */
function readManifest(text: string, path: string, options: StaticPodOptions): Pod {
  const { nodeName, clock, decode } = options
  const manifest: unknown = parse(text)
  if (!isJsonObject(manifest)) throw new Error('the manifest is not an object')
  const metadata = isJsonObject(manifest['metadata']) ? manifest['metadata'] : {}
  const spec = isJsonObject(manifest['spec']) ? manifest['spec'] : {}
  const hash = createHash('md5')
    .update(JSON.stringify([nodeName, path, manifest]))
    .digest('hex')
  const annotations = isJsonObject(metadata['annotations']) ? metadata['annotations'] : {}
  const tolerations = Array.isArray(spec['tolerations']) ? spec['tolerations'] : []
  return decode({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${String(metadata['name'] ?? '')}-${nodeName}`,
      namespace: String(metadata['namespace'] ?? 'default'),
      uid: hash,
      resourceVersion: '0',
      creationTimestamp: formatTime(clock.now()),
      annotations: {
        ...annotations,
        [configHashAnnotation]: hash,
        [configSeenAnnotation]: new Date(clock.now()).toISOString(),
        [configSourceAnnotation]: 'file',
      },
    },
    spec: { ...spec, nodeName, tolerations: [...tolerations, { operator: 'Exists', effect: 'NoExecute' }] },
    status: { phase: 'Pending' },
  })
}
