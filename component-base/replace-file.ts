import { rename, writeFile } from 'node:fs/promises'

/**
 * Writes a file so that readers see the old one or the new one, never a half, also when the writer dies in between. One writer
 * per path: what it writes first lies beside it under the ending `.tmp`.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode })
  await rename(`${path}.tmp`, path)
}
