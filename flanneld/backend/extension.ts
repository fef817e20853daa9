/**
 * Commands of the operator connect the hosts: one before and one after the lease, one for every subnet that comes or
 * goes. As in upstream no shell is between: words are split at spaces, and `$NAME` stands for a variable.
 */
import { ExecError, run } from '../../component-base/exec.ts'
import { formatSubnet } from '../../component-base/ip-address.ts'
import type { Logger } from '../../component-base/logger.ts'
import { families } from '../family.ts'
import { ConfigError } from '../json-fields.ts'
import { describeSubnets, type Lease, type LeaseAttributes } from '../subnet/lease.ts'
import type { Backend, BackendOptions } from './backend.ts'
import type { ExtensionConfig } from './config.ts'

type Variables = Readonly<Record<string, string>>
type Environment = Readonly<Record<string, string | undefined>>
type Options = BackendOptions & { readonly extension: ExtensionConfig; readonly env: Environment }

/** The extension backend. */
export function createExtensionBackend(options: Options): Backend {
  const { external, extension, config } = options
  return {
    mtu: external.mtu,
    attributes: async (signal) => {
      const output = await runCommand(options, extension.preStartup, {}, '', signal)
      const data = extension.preStartup === '' ? {} : { backendData: output }
      return attributesOf(external.addresses, data)
    },
    start: async (own, signal) => {
      const network = config.networks.ipv4 ?? config.networks.ipv6
      const variables = { NETWORK: network === undefined ? '' : formatSubnet(network), ...variablesOf(own) }
      await runCommand(options, extension.postStartup, variables, '', signal)
      return {
        run: async (leases, runSignal) => {
          try {
            await follow(options, leases, runSignal)
          } finally {
            // The daemon stops: its signal has aborted, the command has a limit of its own.
            await runCommand(options, extension.shutdown, variables, '', AbortSignal.timeout(shutdownMs)).catch(
              report(options.logger),
            )
          }
        },
      }
    },
  }
}

const shutdownMs = 5_000

function attributesOf(
  { ipv4, ipv6 }: Options['external']['addresses'],
  data: { backendData?: string },
): LeaseAttributes {
  return {
    backendType: 'extension',
    ...(ipv4 !== undefined && { ipv4: { publicIp: ipv4, ...data } }),
    ...(ipv6 !== undefined && { ipv6: { publicIp: ipv6 } }),
  }
}

async function follow(options: Options, leases: AsyncIterable<readonly Lease[]>, signal: AbortSignal): Promise<void> {
  const { extension, logger } = options
  let known: ReadonlyMap<string, Lease> = new Map()
  for await (const current of leases) {
    const next = new Map(current.filter(isOurs).map((lease) => [describeSubnets(lease), lease]))
    const { added, removed } = diffLeases(known, next)
    known = next
    for (const [command, changed] of [
      [extension.subnetRemove, removed],
      [extension.subnetAdd, added],
    ] as const) {
      for (const lease of changed) {
        await runCommand(options, command, variablesOf(lease), dataOf(lease), signal).catch(report(logger))
      }
    }
  }
}

/** As in upstream a command that fails is told of, and not run again. */
function report(logger: Logger): (error: unknown) => void {
  return (error) => logger.error('Failed to run command', { error })
}

function isOurs({ backendType }: Lease): boolean {
  return backendType === 'extension'
}

/** Leases that are new or say something new, and those that are gone, as they were. Pure. */
export function diffLeases(
  known: ReadonlyMap<string, Lease>,
  next: ReadonlyMap<string, Lease>,
): { readonly added: readonly Lease[]; readonly removed: readonly Lease[] } {
  const isSame = (a: Lease, b: Lease | undefined): boolean => {
    return (
      b !== undefined && JSON.stringify([variablesOf(a), dataOf(a)]) === JSON.stringify([variablesOf(b), dataOf(b)])
    )
  }
  return {
    added: [...next].flatMap(([key, lease]) => (isSame(lease, known.get(key)) ? [] : [lease])),
    removed: [...known].flatMap(([key, lease]) => (next.has(key) ? [] : [lease])),
  }
}

function dataOf({ ipv4 }: Lease): string {
  return typeof ipv4?.backendData === 'string' ? ipv4.backendData : ''
}

/** What a command is told of a lease; empty where the lease has nothing. Pure. */
export function variablesOf(lease: Lease): Variables {
  const names = { ipv4: ['SUBNET', 'PUBLIC_IP'], ipv6: ['IPV6SUBNET', 'PUBLIC_IPV6'] } as const
  return Object.fromEntries(
    families.flatMap((family) => {
      const half = lease[family]
      const [subnet, publicIp] = names[family]
      return [
        [subnet, half === undefined ? '' : formatSubnet(half.subnet)],
        [publicIp, half?.publicIp ?? ''],
      ]
    }),
  )
}

/** The words of a command with its variables filled in; a value stays one word, whatever is in it. Pure. */
export function expandCommand(command: string, variables: Environment): readonly string[] {
  const words = command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return words.map((word) => {
    const bare = word.replace(/^"(.*)"$|^'(.*)'$/s, (_, double?: string, single?: string) => double ?? single ?? '')
    return bare.replace(/\$(?:(\w+)|\{(\w+)\})/g, (_, plain?: string, braced?: string) => {
      return variables[plain ?? braced ?? ''] ?? ''
    })
  })
}

async function runCommand(
  { env, logger }: Options,
  command: string,
  variables: Variables,
  input: string,
  signal: AbortSignal,
): Promise<string> {
  const [file, ...args] = expandCommand(command, { ...env, ...variables })
  if (file === undefined) return ''
  try {
    const { stdout, stderr } = await run(file, args, { input: `${input}\n`, env: { ...variables }, signal })
    const output = `${stdout}${stderr}`.trim()
    logger.info('Ran command', { command, output })
    return stdout.trim()
  } catch (error) {
    if (!(error instanceof ExecError)) throw error
    const output = `${error.stdout}${error.stderr}`.trim()
    throw new ConfigError(`failed to run command: ${command} Err: ${error.message} Output: ${output}`, { cause: error })
  }
}
