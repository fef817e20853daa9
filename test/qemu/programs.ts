/** Programs of this machine with the libraries that they need, to be copied into another root. */
import { access, constants, readdir, readFile, realpath } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { ExecError, run } from '../../component-base/exec.ts'
import type { CpioEntry } from './cpio.ts'

/** Loaded by name at run time, so that no list of libraries shows them. */
const plugins: Readonly<Record<string, string>> = { iptables: '/usr/lib/x86_64-linux-gnu/xtables' }

/** The full path of a program; `undefined` when it is not on `searchPath`. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of [...searchPath.split(delimiter), '/usr/sbin', '/sbin']) {
    const file = join(folder, name)
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return file
  }
  return undefined
}

/** The programs under their own names in `usr/bin`, with libraries where the dynamic linker looks for them. */
export async function copyPrograms(programs: ReadonlyMap<string, string>): Promise<readonly CpioEntry[]> {
  const sources = new Map<string, string>()
  for (const [name, file] of programs) {
    sources.set(`usr/bin/${name}`, file)
    for (const library of await librariesOf(file)) sources.set(await placeOf(library), library)
    const folder = plugins[name]
    for (const plugin of folder === undefined ? [] : await readdir(folder)) {
      sources.set(await placeOf(join(folder ?? '', plugin)), join(folder ?? '', plugin))
    }
  }
  return await Promise.all(
    [...sources].map(async ([path, file]): Promise<CpioEntry> => {
      return { type: 'file', path, content: await readFile(file), isExecutable: true }
    }),
  )
}

async function librariesOf(file: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run('ldd', [file])
    return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, library = '']) => library)
  } catch (error) {
    // A static program has none, and ldd calls that a failure.
    if (error instanceof ExecError && error.exitCode === 1) return []
    throw error
  }
}

/** /lib is a link to /usr/lib; a library keeps its name, which may be a link as well. */
async function placeOf(library: string): Promise<string> {
  return join(await realpath(dirname(library)), basename(library)).slice(1)
}
