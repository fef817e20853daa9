/** Removes links to container logs that are gone. */
import { readdir, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Looks at every link in the folder once. */
export async function removeDeadLinks(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    const isLink = (await readlink(path).catch(() => undefined)) !== undefined
    if (isLink && (await stat(path).catch(() => undefined)) === undefined) await rm(path, { force: true })
  }
}
