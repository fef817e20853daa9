/** Writes one small program per plugin into a folder, where a container runtime looks for them. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { plugins } from './plugins.ts'

/** What the wrappers start: this Node and this bundle. */
export type Target = { readonly node: string; readonly script: string }

/** The wrapper of one plugin. Both paths are absolute, so it depends on no PATH and no working folder. */
export function renderWrapper(name: string, { node, script }: Target): string {
  return `#!/bin/sh\nexec ${quote(node)} ${quote(script)} ${quote(name)}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Writes all wrappers; a runtime that starts one meanwhile sees the old or the new one, never half of it. */
export async function install(folder: string, target: Target): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of Object.keys(plugins)) {
    const path = `${folder}/${name}`
    await writeFile(`${path}.tmp`, renderWrapper(name, target), { mode: 0o755 })
    await rename(`${path}.tmp`, path)
  }
}
