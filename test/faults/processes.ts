/** Built API servers on one etcd, each a process that can be killed and comes back on its port. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../fixtures/certificates.ts'
import { serverFlags, writeCredentials } from '../fixtures/control-plane.ts'
import { startEtcd, type TestEtcd } from '../fixtures/etcd.ts'
import { freePort } from '../fixtures/port.ts'
import { eventually } from '../fixtures/process.ts'
import { createConnection, token } from './client.ts'

export type ServerProcess = {
  readonly port: number
  /** Sends the signal; resolves with how it ended. */
  readonly end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<{ readonly code: number | null; readonly ms: number }>
  /** Starts it; resolves when it is ready. */
  readonly start: () => Promise<void>
}

export type Processes = {
  readonly etcd: TestEtcd
  readonly servers: readonly ServerProcess[]
  /** What the servers have logged. */
  readonly log: () => Promise<string>
  readonly close: () => Promise<void>
}

const readyLimitMs = 60_000

/** Starts etcd and as many servers, all at once, from the bundle `program`. */
export async function startProcesses(
  program: string,
  count: number,
  flags: readonly string[] = [],
): Promise<Processes> {
  const folder = await mkdtemp(join(tmpdir(), 'kubets-faults-'))
  const etcd = await startEtcd()
  await writeCredentials(folder, await createAuthority())
  await writeFile(join(folder, 'tokens.csv'), `${token},faults,1,system:masters\n`, { mode: 0o600 })
  const logFile = join(folder, 'servers.log')
  const servers: ServerProcess[] = []
  for (let at = 0; at < count; at++) {
    const port = await freePort()
    const common = serverFlags(folder, etcd.url, port).filter((flag) => !flag.startsWith('--advertise-address'))
    const own = [
      `--advertise-address=192.0.2.${at + 1}`,
      `--token-auth-file=${folder}/tokens.csv`,
      // No controller-manager makes the accounts that pods would need.
      '--disable-admission-plugins=ServiceAccount',
    ]
    servers.push(createServer(program, [...common, ...own, ...flags], port, logFile))
  }
  const processes: Processes = {
    etcd,
    servers,
    log: async () => await readFile(logFile, 'utf8'),
    close: async () => {
      await Promise.all(servers.map(async ({ end }) => await end('SIGKILL')))
      await etcd.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await Promise.all(servers.map(async ({ start }) => await start()))
  } catch (error) {
    const text = await processes.log()
    await processes.close()
    throw new Error(`the servers did not start:\n${text.slice(-4_000)}`, { cause: error })
  }
  return processes
}

function createServer(program: string, flags: readonly string[], port: number, logFile: string): ServerProcess {
  let child: ChildProcess | undefined
  return {
    port,
    start: async () => {
      const log = await open(logFile, 'a')
      // It ends with the test's process, however that ends.
      const args = ['--pdeathsig=KILL', process.execPath, '--enable-source-maps', program, ...flags]
      child = spawn('setpriv', args, { stdio: ['ignore', log.fd, log.fd] })
      await log.close()
      await untilReady(port, child)
    },
    end: async (signal) => {
      const startMs = performance.now()
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return { code: 0, ms: 0 }
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
      return { code: child.exitCode, ms: performance.now() - startMs }
    },
  }
}

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  await eventually(
    'the API server to be ready',
    async () => {
      if (child.exitCode !== null || child.signalCode !== null) return true
      const connection = createConnection(port)
      try {
        return (await connection.send({ method: 'GET', path: '/readyz' })).code === 200
      } finally {
        connection.close()
      }
    },
    readyLimitMs,
  )
  // Killed meanwhile: whoever did that starts it again.
  if (child.exitCode !== null) throw new Error(`the API server ended with ${child.exitCode}`)
}
