/** The cluster of `npm start`, and real `kubectl`, for the end-to-end tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { access, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { systemClock } from '../../component-base/clock.ts'
import { ExecError, run } from '../../component-base/exec.ts'

export const kubeconfig = '/var/lib/kubets/kubeconfig/admin.kubeconfig'
export const shellImage = 'kubets.local/shell:1'
export const webImage = 'kubets.local/web:1'
export const nodeNames = ['kubets-node-1', 'kubets-node-2'] as const
export const nodeAddresses = ['172.31.240.11', '172.31.240.12'] as const
const root = dirname(dirname(import.meta.dirname))

/** Starts the cluster, or finds that it runs already. */
export async function startCluster(...flags: string[]): Promise<string> {
  const { stdout } = await run('sh', ['deploy/local/run.sh', 'start', ...flags], { cwd: root, timeoutMs: 300_000 })
  return stdout
}

export async function stopCluster(): Promise<string> {
  const { stdout } = await run('sh', ['deploy/local/run.sh', 'stop'], { cwd: root, timeoutMs: 120_000 })
  return stdout
}

export type Kubectl = {
  readonly version: string
  readonly path: string
  /** Standard output; rejects with `ExecError` on a bad exit code. */
  readonly run: (args: readonly string[], input?: string) => Promise<string>
  readonly json: <T>(args: readonly string[]) => Promise<T>
  /** Standard error of a command that must fail. */
  readonly fail: (args: readonly string[], input?: string) => Promise<string>
  readonly spawn: (args: readonly string[]) => ChildProcess
}

/** Runs one kubectl against the cluster in one namespace. */
export function kubectl(path: string, namespace = 'default', version = ''): Kubectl {
  const env = { KUBECONFIG: kubeconfig }
  const all = (args: readonly string[]): string[] => ['--namespace', namespace, ...args]
  const text = async (args: readonly string[], input?: string): Promise<string> => {
    const { stdout } = await run(path, all(args), {
      env,
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    })
    return stdout
  }
  return {
    version,
    path,
    run: text,
    json: async (args) => JSON.parse(await text([...args, '-o', 'json'])),
    fail: async (args, input) => {
      try {
        await text(args, input)
      } catch (error) {
        if (error instanceof ExecError) return error.stderr
        throw error
      }
      throw new Error(`kubectl ${args.join(' ')} succeeded`)
    },
    spawn: (args) => spawn(path, all(args), { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
  }
}

/** Every kubectl of this machine: `kubectl` on the PATH and its versioned neighbours, oldest first. */
export async function kubectls(): Promise<readonly { readonly path: string; readonly version: string }[]> {
  const found = await Promise.all(
    (process.env['PATH'] ?? '').split(delimiter).map(async (folder) => {
      const path = join(folder, 'kubectl')
      return await access(path).then(
        () => [path],
        () => [],
      )
    }),
  )
  const first = found.flat()[0]
  if (first === undefined) throw new Error('there is no kubectl on this machine')
  const folder = dirname(await realpath(first))
  const versioned = (await readdir(folder)).filter((name) => /^kubectl\.1\.\d+$/.test(name)).toSorted()
  if (versioned.length === 0) return [{ path: first, version: 'of the machine' }]
  return versioned.map((name) => ({ path: join(folder, name), version: name.slice('kubectl.'.length) }))
}

/** Asks until `check` gives something; rejects with its last failure. */
export async function eventually<T>(check: () => Promise<T | undefined | false>, limitMs = 60_000): Promise<T> {
  const untilMs = systemClock.now() + limitMs
  for (;;) {
    let failure: unknown
    try {
      const value = await check()
      if (value !== undefined && value !== false) return value
      failure = new Error('it did not become true')
    } catch (error) {
      failure = error
    }
    if (systemClock.now() > untilMs) throw new Error(`within ${limitMs / 1000} s`, { cause: failure })
    await systemClock.sleep(200, new AbortController().signal)
  }
}

/** A namespace of one test file, and kubectl in it; call `remove` at the end. Starts a cluster where a file before has ended it. */
export async function testNamespace(
  name: string,
): Promise<{ readonly kubectl: Kubectl; readonly remove: () => Promise<void> }> {
  const path = (await kubectls()).at(-1)?.path ?? 'kubectl'
  const isThere = await access(kubeconfig).then(
    () => true,
    () => false,
  )
  if (!isThere) await startCluster()
  const cluster = kubectl(path)
  await cluster.run(['delete', 'namespace', name, '--ignore-not-found', '--wait=true'])
  await cluster.run(['create', 'namespace', name])
  return {
    kubectl: kubectl(path, name),
    remove: async () => {
      await cluster.run(['delete', 'namespace', name, '--wait=false'])
    },
  }
}

/** Runs a command inside a node's namespaces. */
export async function onNode(node: string, ...command: string[]): Promise<string> {
  const enter = [`--net=/run/netns/${node}`, `--mount=/run/kubets/ns/${node}`, '--']
  const { stdout } = await run('nsenter', [...enter, ...command])
  return stdout
}

/** The processes of the cluster by name, as `npm run status` shows them. */
export async function programPids(): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await run('sh', ['deploy/local/run.sh', 'status'], { cwd: root }).catch((error: unknown) => {
    if (error instanceof ExecError) return error
    throw error
  })
  const rows = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
  return new Map(
    rows.flatMap(([name, state, pid]) => (state === 'running' ? [[name ?? '', Number(pid)] as const] : [])),
  )
}

/** A folder for one test, removed after `work`. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kubets-e2e-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
