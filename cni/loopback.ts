/** Brings `lo` up in a container. */
import { ipBatch, ipQuery } from './exec.ts'
import { CniError, type Plugin, parsePreviousResult, type Request, type Result, records } from './protocol.ts'

/** The loopback plugin. */
export const loopback: Plugin = { add, del, check, gc: async () => {}, status: async () => {} }

async function add({ netns, config }: Request, signal: AbortSignal): Promise<Result> {
  await ipBatch(['link set dev lo up'], netns, signal)
  const previous = parsePreviousResult(config)
  if (previous !== undefined) return previous
  return {
    interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: netns }],
    ips: [
      { address: '127.0.0.1/8', interface: 0 },
      { address: '::1/128', interface: 0 },
    ],
    routes: [],
    dns: {},
  }
}

async function del({ netns }: Request, signal: AbortSignal): Promise<void> {
  // A namespace that is gone has no devices, and DEL has nothing left to do.
  if (netns !== '') await ipBatch(['link set dev lo down'], netns, signal).catch(() => undefined)
}

async function check({ netns }: Request, signal: AbortSignal): Promise<void> {
  const [device] = records(await ipQuery(['link', 'show', 'dev', 'lo'], netns, signal))
  const flags = device?.['flags']
  if (!Array.isArray(flags) || !flags.includes('UP')) throw new CniError('internal', 'loopback interface is down')
}
