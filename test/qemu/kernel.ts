/**
 * The kernel for the machine: Debian's cloud kernel, which has IPVS, dummy devices, WireGuard and the rest as modules. Its package is
 * unpacked into `build/`, never installed: the host keeps booting what it boots.
 */
import { access, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '../../component-base/clock.ts'
import { ExecError, run } from '../../component-base/exec.ts'
import { type KernelModule, nameOf, readModule } from './modules.ts'

export type Kernel = {
  readonly version: string
  readonly imageFile: string
  /** Everything below `lib/modules/VERSION`. */
  readonly modules: ReadonlyMap<string, KernelModule>
  readonly readModuleFile: (path: string) => Promise<Uint8Array>
}

const metaPackage = 'linux-image-cloud-amd64'
const downloadLimitMs = 120_000
const staleLockMs = 4 * downloadLimitMs
/** Modules that are of use in a machine without hardware; unpacking the others would cost seconds. */
const wantedModules =
  /^kernel\/(net\/(802|bridge|core|ipv4|ipv6|llc|netfilter|sched|sctp)|drivers\/net\/([^/]+$|vxlan\/|wireguard\/)|lib|crypto|arch\/x86\/crypto)/
const moduleFolders = ['kernel/net', 'kernel/drivers/net', 'kernel/lib', 'kernel/crypto', 'kernel/arch/x86/crypto']

/** Unpacks the kernel, or finds it unpacked. `undefined`, with the reason for `tell`, when there is none to be had. */
export async function findKernel(cache: string, tell: (reason: string) => void): Promise<Kernel | undefined> {
  const root = join(cache, 'kernel')
  try {
    await unpackOnce(root)
    return await readKernel(root)
  } catch (error) {
    if (!(error instanceof ExecError)) throw error
    tell(`no Debian cloud kernel: ${error.message}`)
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

/** Test files that run at the same time share the work: one does it, the others wait. */
async function unpackOnce(root: string): Promise<void> {
  const lock = `${root}.lock`
  await mkdir(dirname(root), { recursive: true })
  while (!(await exists(join(root, 'boot')))) {
    const isOurs = await mkdir(lock).then(
      () => true,
      () => false,
    )
    if (!isOurs) {
      const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: systemClock.now() }))
      // Left behind by a run that was killed.
      if (systemClock.now() - mtimeMs > staleLockMs) await rm(lock, { recursive: true, force: true })
      await systemClock.sleep(200, new AbortController().signal)
      continue
    }
    try {
      if (!(await exists(join(root, 'boot')))) await unpack(root)
    } finally {
      await rm(lock, { recursive: true, force: true })
    }
  }
}

async function unpack(root: string): Promise<void> {
  const name = await packageName().catch(async () => {
    // A fresh machine has no lists of packages yet.
    await run('apt-get', ['update'], { timeoutMs: downloadLimitMs })
    return await packageName()
  })
  // Prepared beside and put in place at once, so that a killed run leaves no half kernel behind.
  const folder = `${root}.${process.pid}`
  await mkdir(folder, { recursive: true })
  try {
    await run('apt-get', ['download', name], { cwd: folder, timeoutMs: downloadLimitMs })
    const file = (await readdir(folder)).find((each) => each.endsWith('.deb')) ?? ''
    await run('dpkg-deb', ['-x', join(folder, file), folder], { timeoutMs: downloadLimitMs })
    await rm(join(folder, file))
    await unpackModules(folder)
    await rename(folder, root)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Before it is put in place: nobody finds half a module. */
async function unpackModules(root: string): Promise<void> {
  const names = await readdir(root, { recursive: true })
  const packed = names.filter(
    (name) => name.endsWith('.ko.xz') && wantedModules.test(name.replace(/^.*?\/kernel\//, 'kernel/')),
  )
  if (packed.length > 0)
    await run('xz', ['--decompress', '--keep', ...packed], { cwd: root, timeoutMs: downloadLimitMs })
}

/** The package that the name for the newest version stands for. */
async function packageName(): Promise<string> {
  const { stdout } = await run('apt-cache', ['depends', '--important', metaPackage])
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1]
  if (name === undefined) throw new ExecError(`package ${metaPackage} is not known here`, noOutput, undefined)
  return name
}

const noOutput = { exitCode: undefined, stdout: '', stderr: '' }

async function readKernel(root: string): Promise<Kernel> {
  const image = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-')) ?? ''
  const version = image.replace('vmlinuz-', '')
  const folder = await moduleFolder(root, version)
  const readModuleFile = async (path: string) => await readCompressed(join(folder, path))
  const modules = new Map<string, KernelModule>()
  for (const below of moduleFolders) {
    const names = await readdir(join(folder, below), { recursive: true }).catch(() => [])
    const paths = names.map((name) => `${below}/${name}`).filter((path) => /\.ko(\.\w+)?$/.test(path))
    for (const path of paths.filter((each) => wantedModules.test(each))) {
      modules.set(nameOf(path), readModule(path, await readModuleFile(path)))
    }
  }
  return { version, imageFile: join(root, 'boot', image), modules, readModuleFile }
}

/** Debian 13 has its modules below /usr. */
async function moduleFolder(root: string, version: string): Promise<string> {
  const usr = join(root, 'usr/lib/modules', version)
  return (await exists(usr)) ? usr : join(root, 'lib/modules', version)
}

async function readCompressed(file: string): Promise<Uint8Array> {
  const content = await readFile(file)
  if (file.endsWith('.gz')) return gunzipSync(content)
  if (file.endsWith('.xz')) return await unpackXz(file)
  return content
}

async function unpackXz(file: string): Promise<Uint8Array> {
  const unpacked = file.replace(/\.xz$/, '')
  if (!(await exists(unpacked))) await run('xz', ['--decompress', '--keep', file])
  return await readFile(unpacked)
}
