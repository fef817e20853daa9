/** The API server bundled for one test, so that the test judges the code as it is now. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

export type Program = { readonly file: string; readonly remove: () => Promise<void> }

/** Bundles it into a folder of its own. */
export async function bundleApiServer(): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'kubets-apiserver-'))
  const file = join(folder, 'apiserver.mjs')
  const require =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
  await build({
    entryPoints: ['apiserver/main.ts'],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['koffi'],
    sourcemap: 'inline',
    logLevel: 'warning',
    // CommonJS packages inside an ES module bundle still ask for it.
    banner: { js: require },
  })
  return { file, remove: async () => await rm(folder, { recursive: true, force: true }) }
}
