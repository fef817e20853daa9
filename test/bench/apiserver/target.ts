/** What is measured: our own server on an empty etcd, or any other that the command line names. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createAuthority } from '../../fixtures/certificates.ts'
import { serverFlags, writeCredentials } from '../../fixtures/control-plane.ts'
import { startEtcd } from '../../fixtures/etcd.ts'
import { freePort } from '../../fixtures/port.ts'
import { ask, type Server } from './load.ts'

export type Target = Server & {
  /** From the start of the process until `/readyz`; absent where the server ran already. */
  readonly readyMs?: number
  /** Resident memory of the server in MB; `undefined` where its process is unknown. */
  readonly residentMb: () => Promise<number | undefined>
  /** CPU seconds that the server's process has used. */
  readonly cpuSeconds: () => Promise<number | undefined>
  readonly close: () => Promise<void>
}

/** A server that runs already. `pid` 0: its memory and CPU cannot be said. */
export function existingTarget(url: string, token: string, pid: number): Target {
  return { url: new URL(url), token, ...processFigures(pid), close: async () => {} }
}

/**
 * Starts etcd (with fsync, as in production) and the built API server, both thrown away by `close`. With `profile` the server
 * leaves a CPU profile in that folder when it ends.
 */
export async function startTarget(profile = ''): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'kubets-bench-'))
  const etcd = await startEtcd({ fsync: true })
  const authority = await createAuthority()
  await writeCredentials(folder, authority)
  const token = 'bench'
  await writeFile(join(folder, 'tokens.csv'), `${token},bench,1,system:masters\n`, { mode: 0o600 })
  const port = await freePort()
  const url = new URL(`https://127.0.0.1:${port}`)
  const flags = [...serverFlags(folder, etcd.url, port), `--token-auth-file=${folder}/tokens.csv`]
  // Pods are made without a controller-manager beside, which would make their ServiceAccounts.
  const profiling = profile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const args = [...profiling, 'dist/apiserver.mjs', ...flags, '--disable-admission-plugins=ServiceAccount']
  const startMs = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const close = async (): Promise<void> => {
    await stop(child)
    await etcd.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilReady({ url, token }, child)
  } catch (error) {
    await close()
    throw error
  }
  return { url, token, readyMs: performance.now() - startMs, ...processFigures(child.pid ?? 0), close }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}

async function untilReady(server: Server, child: ChildProcess): Promise<void> {
  const endMs = performance.now() + 30_000
  while (performance.now() < endMs) {
    if (child.exitCode !== null) throw new Error(`the API server ended with ${child.exitCode}`)
    const answer = await ask(server, 'GET', '/readyz').catch(() => undefined)
    if (answer?.code === 200) return
    await delay(5)
  }
  throw new Error('the API server was not ready within 30 s')
}

function processFigures(pid: number): Pick<Target, 'residentMb' | 'cpuSeconds'> {
  const read = async (file: string): Promise<string | undefined> =>
    pid === 0 ? undefined : await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => undefined)
  return {
    residentMb: async () => {
      const kilobytes = /VmRSS:\s+(\d+)/.exec((await read('status')) ?? '')?.[1]
      return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
    },
    cpuSeconds: async () => {
      // Fields 14 and 15 count from before the name, which may hold spaces; clock ticks are hundredths on Linux.
      const fields = (await read('stat'))?.split(') ')[1]?.split(' ')
      return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / 100
    },
  }
}
