/** Devices and their addresses: asking `ip`, and telling it. */
import { ExecError, run } from '../../component-base/exec.ts'
import { ConfigError } from '../json-fields.ts'

/** Runs lines of `ip -batch`; stops at the first that fails. */
export async function ipBatch(lines: readonly string[], signal: AbortSignal): Promise<void> {
  if (lines.length === 0) return
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, signal })
}

/** Asks `ip -json`; an unknown device gives `undefined`. */
export async function ipQuery(args: readonly string[], signal: AbortSignal): Promise<unknown> {
  try {
    const { stdout } = await run('ip', ['-json', ...args], { signal })
    return stdout.trim() === '' ? [] : JSON.parse(stdout)
  } catch (error) {
    if (error instanceof ExecError && /does not exist|Cannot find device/.test(error.stderr)) return undefined
    throw error
  }
}

/** Makes a device; where the kernel does not know its type, the error says so in one sentence. */
export async function ensureLink(type: string, lines: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await ipBatch(lines, signal)
  } catch (error) {
    const isUnknown = error instanceof ExecError && /Unknown device type|Operation not supported/.test(error.stderr)
    if (!isUnknown) throw error
    throw new ConfigError(
      `this kernel has no devices of type ${type}: load its module (modprobe ${type}) or choose another backend`,
      { cause: error },
    )
  }
}

type Fields = Readonly<Record<string, unknown>>

/** Lines that leave one address of a family on a device; link-local ones are the kernel's. Pure. */
export function planAddresses(device: string, address: string, bits: 32 | 128, observed: unknown): readonly string[] {
  const [found]: readonly (Fields | undefined)[] = Array.isArray(observed) ? observed : []
  const infos = found?.['addr_info']
  const present: readonly Fields[] = Array.isArray(infos) ? infos : []
  const others = present.filter(
    ({ local, scope }) => typeof local === 'string' && local !== address && scope !== 'link',
  )
  return [
    ...others.map(({ local, prefixlen }) => `address delete ${String(local)}/${String(prefixlen)} dev ${device}`),
    // Nobody else can have the address: looking for duplicates would only delay its use.
    `address replace ${address}/${bits} dev ${device}${bits === 128 ? ' nodad' : ''}`,
  ]
}
