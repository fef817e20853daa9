/**
 * A virtual machine with another kernel than this one's, for tests of what this kernel has not. It boots from memory: no disk, no network
 * card, the programs of this machine, one bundled Node program; it ends when the program ends. Emulated (`-accel tcg`): nested
 * virtualisation hangs on some machines and is absent on most.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { run } from '../../component-base/exec.ts'
import { type CpioEntry, cpio } from './cpio.ts'
import { findKernel, type Kernel } from './kernel.ts'
import { moduleIndex, unpacked } from './modules.ts'
import { copyPrograms, findProgram } from './programs.ts'

const root = new URL('../..', import.meta.url).pathname
const emulator = 'qemu-system-x86_64'
/** Must be there; `busybox` brings the shell and modprobe. */
const programs = ['busybox', 'ip', 'iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save']
const morePrograms = ['ip6tables-restore', 'nft', 'ipset', 'ipvsadm', 'conntrack', 'socat', 'sysctl']

export type MachineOptions = {
  /** TypeScript files: the first is run, others are workers that it starts, found beside it as `NAME.mjs`. */
  readonly entryPoints: readonly [string, ...string[]]
  /** Kernel modules to load before. Others come when the kernel or a program asks for them. */
  readonly modules: readonly string[]
  readonly timeoutMs: number
  readonly memoryMb?: number
}
export type MachineResult = {
  /** What the program wrote to its standard output. */
  readonly output: string
  /** Kernel messages and standard error. */
  readonly console: string
  /** `undefined`: it did not come to its end. */
  readonly exitCode: number | undefined
}
export type MachineParts = { readonly kernel: Kernel; readonly programs: ReadonlyMap<string, string> }

/** Everything that a machine is made of; `undefined`, with the reason for `tell`, where something is missing. */
export async function findParts(
  searchPath: string,
  tell: (reason: string) => void,
  extraPrograms: readonly string[] = [],
): Promise<MachineParts | undefined> {
  if (process.arch !== 'x64') return void tell(`the machine is x86-64, this one is ${process.arch}`)
  if ((await findProgram(emulator, searchPath)) === undefined)
    return void tell(`${emulator} is not here (package qemu-system-x86)`)
  const found = new Map([['node', process.execPath]])
  for (const name of [...programs, ...morePrograms, ...extraPrograms]) {
    const file = await findProgram(name, searchPath)
    if (file === undefined) return void tell(`${name} is not here`)
    found.set(name, file)
  }
  const kernel = await findKernel(join(root, 'build/qemu'), tell)
  return kernel === undefined ? undefined : { kernel, programs: found }
}

/** Boots a machine, runs the program in it, and resolves when the machine is off. */
export async function runMachine(
  parts: MachineParts,
  options: MachineOptions,
  signal: AbortSignal,
): Promise<MachineResult> {
  const folder = join(root, 'build/qemu', `run-${process.pid}-${randomBytes(4).toString('hex')}`)
  await mkdir(folder, { recursive: true })
  try {
    await writeArchive(join(folder, 'initrd'), await entriesOf(parts, options, folder))
    const output = join(folder, 'output')
    const { stdout } = await run(emulator, emulatorArguments(parts.kernel, folder, options.memoryMb ?? 1_024), {
      timeoutMs: options.timeoutMs,
      signal,
    })
    const text = (await readFile(output, 'utf8')).replaceAll('\r', '')
    const exit = /^exit (\d+)\n$/m.exec(text)
    return {
      output: exit === null ? text : text.slice(0, exit.index),
      console: stdout,
      exitCode: exit === null ? undefined : Number(exit[1]),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function emulatorArguments({ imageFile }: Kernel, folder: string, memoryMb: number): readonly string[] {
  return [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(memoryMb)],
    ...['-kernel', imageFile, '-initrd', join(folder, 'initrd')],
    // `panic=-1`: a kernel that cannot go on reboots, and a reboot ends the emulator.
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off', '-no-reboot'],
    ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-serial', `file:${join(folder, 'output')}`],
  ]
}

async function writeArchive(file: string, entries: readonly CpioEntry[]): Promise<void> {
  const handle = await open(file, 'w')
  try {
    await handle.writev([...cpio(entries)])
  } finally {
    await handle.close()
  }
}

async function entriesOf(
  { kernel, programs: found }: MachineParts,
  { entryPoints, modules }: MachineOptions,
  folder: string,
): Promise<readonly CpioEntry[]> {
  const links = { bin: 'usr/bin', sbin: 'usr/bin', lib: 'usr/lib', lib64: 'usr/lib64', 'usr/sbin': 'bin' }
  return [
    ...Object.entries(links).map(([path, target]): CpioEntry => ({ type: 'link', path, target })),
    ...['proc', 'sys', 'run', 'tmp'].map((path): CpioEntry => ({ type: 'folder', path })),
    { type: 'file', path: 'etc/protocols', content: Buffer.from('tcp 6 TCP\nudp 17 UDP\nsctp 132 SCTP\n') },
    { type: 'device', path: 'dev/console', major: 5, minor: 1 },
    { type: 'file', path: 'init', content: Buffer.from(initScript(modules)), isExecutable: true },
    ...['sh', 'modprobe'].map((name): CpioEntry => ({ type: 'link', path: `usr/bin/${name}`, target: 'busybox' })),
    ...(await copyPrograms(found)),
    ...(await moduleEntries(kernel)),
    ...(await bundle(entryPoints, folder)),
    ...(await folderEntries('node_modules/koffi')),
    ...(await folderEntries('node_modules/@koromix')),
  ]
}

/** The program's output goes through a line of its own, where the kernel does not write in between. */
function initScript(modules: readonly string[]): string {
  return `#!/bin/sh
export PATH=/usr/bin HOME=/tmp
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs tmpfs /run
busybox stty -F /dev/ttyS1 raw -echo
for module in ${modules.join(' ')}; do modprobe $module || echo "no module $module"; done
ip link set lo up
node /test/program.mjs > /dev/ttyS1
echo "exit $?" > /dev/ttyS1
busybox reboot -f
`
}

async function moduleEntries({ version, modules, readModuleFile }: Kernel): Promise<readonly CpioEntry[]> {
  const folder = `usr/lib/modules/${version}`
  const { dep, alias } = moduleIndex(modules)
  return [
    { type: 'file', path: `${folder}/modules.dep`, content: Buffer.from(dep) },
    { type: 'file', path: `${folder}/modules.alias`, content: Buffer.from(alias) },
    { type: 'file', path: `${folder}/modules.symbols`, content: new Uint8Array() },
    ...(await Promise.all(
      [...modules.values()].map(
        async ({ path }): Promise<CpioEntry> => ({
          type: 'file',
          path: `${folder}/${unpacked(path)}`,
          content: await readModuleFile(path),
        }),
      ),
    )),
  ]
}

async function bundle(entryPoints: readonly [string, ...string[]], folder: string): Promise<readonly CpioEntry[]> {
  const [program, ...workers] = entryPoints
  const names = Object.fromEntries(workers.map((file) => [file.replace(/^.*\//, '').replace(/\.ts$/, ''), file]))
  const outdir = join(folder, 'bundle')
  await build({
    entryPoints: { program, ...names },
    absWorkingDir: root,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    external: ['koffi', 'esbuild'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  })
  return await Promise.all(
    (await readdir(outdir)).map(
      async (name): Promise<CpioEntry> => ({
        type: 'file',
        path: `test/${name}`,
        content: await readFile(join(outdir, name)),
      }),
    ),
  )
}

async function folderEntries(folder: string): Promise<readonly CpioEntry[]> {
  const found = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return await Promise.all(
    found
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }): Promise<CpioEntry> => {
        const file = join(parentPath, name)
        return { type: 'file', path: `test/${file.slice(root.length)}`, content: await readFile(file) }
      }),
  )
}
