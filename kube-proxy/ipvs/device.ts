/**
 * The dummy device `kube-ipvs0`, which has the address of every Service: the kernel takes packets for them as its own, and at INPUT they
 * meet IPVS. The device stays down: its addresses are local all the same.
 */
import { isIPv4 } from 'node:net'
import { ExecError, run } from '../../component-base/exec.ts'
import type { Family } from '../../netfilter/iptables.ts'

export const deviceName = 'kube-ipvs0'
/** Tens of thousands of addresses take their time. */
const limitMs = 120_000

export type ServiceDevice = {
  /** Makes the device where it is not there. */
  readonly ensure: (signal: AbortSignal) => Promise<void>
  /** The addresses of one family; `undefined` when there is no such device. */
  readonly addresses: (family: Family, signal: AbortSignal) => Promise<ReadonlySet<string> | undefined>
  /** Runs lines for `ip -batch`; one that is refused does not stop the others. Returns what was said about such. */
  readonly change: (script: string, signal: AbortSignal) => Promise<readonly string[]>
  readonly remove: (signal: AbortSignal) => Promise<void>
}

/** The device in the network namespace of this process, or in the one that `namespace` names. */
export function createServiceDevice(options: { readonly namespace?: string } = {}): ServiceDevice {
  const before = options.namespace === undefined ? [] : ['-n', options.namespace]
  const ip = async (args: readonly string[], signal: AbortSignal, input?: string): Promise<string> =>
    (await run('ip', [...before, ...args], { signal, timeoutMs: limitMs, ...(input === undefined ? {} : { input }) }))
      .stdout
  const addresses = async (family: Family, signal: AbortSignal): Promise<ReadonlySet<string> | undefined> => {
    try {
      return parseAddresses(await ip(['-oneline', 'address', 'show', 'dev', deviceName], signal), family)
    } catch (error) {
      if (error instanceof ExecError && error.stderr.includes('does not exist')) return undefined
      throw error
    }
  }
  return {
    addresses,
    ensure: async (signal) => {
      if ((await addresses('ip', signal)) !== undefined) return
      await ip(['link', 'add', deviceName, 'type', 'dummy'], signal).catch((error: unknown) => {
        // The other family's turn came in between.
        if (!(error instanceof ExecError && error.stderr.includes('File exists'))) throw error
      })
    },
    change: async (script, signal) => {
      if (script === '') return []
      try {
        await ip(['-force', '-batch', '-'], signal, script)
        return []
      } catch (error) {
        if (!(error instanceof ExecError) || error.exitCode !== 1) throw error
        return error.stderr.split('\n').filter((line) => line !== '')
      }
    },
    remove: async (signal) => {
      await ip(['link', 'delete', deviceName], signal)
    },
  }
}

/** Reads `ip -oneline address`: `7: kube-ipvs0    inet 10.96.0.1/32 scope global kube-ipvs0…`. Link-local addresses are the kernel's own. */
export function parseAddresses(text: string, family: Family): ReadonlySet<string> {
  const pattern = family === 'ip' ? / inet ([\d.]+)/g : / inet6 ([\da-f:.]+)\/\d+ scope (?!link)/g
  return new Set([...text.matchAll(pattern)].map(([, address = '']) => address))
}

/** Lines that add and remove addresses. */
export function diffAddresses(
  applied: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
): { readonly additions: string; readonly removals: string } {
  if (applied === wanted) return { additions: '', removals: '' }
  const line = (verb: string, address: string) =>
    isIPv4(address)
      ? `address ${verb} ${address}/32 dev ${deviceName}\n`
      : // Nobody else can have it: no need to look for duplicates.
        `address ${verb} ${address}/128 dev ${deviceName}${verb === 'replace' ? ' nodad' : ''}\n`
  const added = [...wanted].filter((address) => !applied.has(address))
  const removed = [...applied].filter((address) => !wanted.has(address))
  return {
    additions: added.map((address) => line('replace', address)).join(''),
    removals: removed.map((address) => line('delete', address)).join(''),
  }
}
