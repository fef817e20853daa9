/** Goes into the network namespace of a node or pod, where this machine has it. */
import { access } from 'node:fs/promises'
import { hostname } from 'node:os'
import { ExecError, type ExecResult, run } from '../../component-base/exec.ts'

/** Runs a command somewhere. */
export type Inside = {
  readonly run: (command: readonly string[], signal: AbortSignal, input?: string) => Promise<ExecResult>
  /** The command before the command. */
  readonly prefix: readonly string[]
  /** The network namespace by its name; none for this machine's own, and for a pod's. */
  readonly namespace?: string
}

const limitMs = 20_000

function insideOf(prefix: readonly string[]): Inside {
  return {
    prefix,
    run: async (command, signal, input) => {
      const [file = '', ...args] = [...prefix, ...command]
      return await run(file, args, { signal, timeoutMs: limitMs, ...(input === undefined ? {} : { input }) })
    },
  }
}

/** The machine itself. */
export const here: Inside = insideOf([])

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

/** The node's network namespace: a named one, as `npm start` makes it, or this machine's own. `undefined`: it is elsewhere. */
export async function enterNode(name: string): Promise<Inside | undefined> {
  const path = `/run/netns/${name}`
  if (process.getuid?.() !== 0) return undefined
  if (await exists(path)) return { ...insideOf(['nsenter', `--net=${path}`, '--']), namespace: name }
  return hostname().trim().toLowerCase() === name ? here : undefined
}

/** The network namespace of a pod, found by its address among those that the CNI plugin was given on this node. */
export async function enterPod(node: string, ip: string, signal: AbortSignal): Promise<Inside | undefined> {
  if ((await enterNode(node)) === undefined) return undefined
  const mounts = `/run/kubets/ns/${node}`
  const outer = (await exists(mounts)) ? ['nsenter', `--mount=${mounts}`, '--'] : []
  const { stdout } = await insideOf(outer).run(['ls', '/run/netns'], signal)
  for (const name of stdout.split('\n').filter((each) => each.startsWith('cni-'))) {
    const inside = insideOf([...outer, 'nsenter', `--net=/run/netns/${name}`, '--'])
    try {
      if ((await inside.run(['ip', '-o', 'addr'], signal)).stdout.includes(` ${ip}/`)) return inside
    } catch (error) {
      // A pod that ended meanwhile.
      if (!(error instanceof ExecError)) throw error
    }
  }
  return undefined
}
