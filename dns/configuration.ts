/**
 * A Corefile made ready to run: for each socket its zones, each with its chain of plugins. Nothing happens before somebody
 * runs the tasks and opens the sockets.
 */
import { createHash } from 'node:crypto'
import type { Task } from '../component-base/run.ts'
import { type Directive, type ParseOptions, parseCorefile, type ServerBlock } from './corefile/parse.ts'
import { CorefileError, errorAt } from './corefile/tokens.ts'
import { parseZoneKey } from './corefile/zones.ts'
import { directives, isDirective } from './plugins/order.ts'
import {
  type Context,
  type Demand,
  failure,
  type Handler,
  type Outcome,
  type Plugin,
  type Request,
} from './plugins/plugin.ts'

/** The chain of one zone. */
export type Zone = {
  readonly name: string
  readonly handler: Handler
  /** Questions of other classes than IN are let in. */
  readonly hasChaos: boolean
}

/** What one pair of sockets (UDP and TCP) serves. */
export type Listener = {
  readonly address: string
  readonly port: number
  /** As figures name it: `dns://:53`. */
  readonly server: string
  readonly zones: Map<string, Zone>
}

/** A Corefile in force. */
export type Configuration = {
  readonly hash: string
  readonly listeners: ReadonlyMap<string, Listener>
  readonly tasks: Readonly<Record<string, Task>>
  readonly demands: readonly Demand[]
  /** Names of plugins that are not ready. */
  readonly unready: () => readonly string[]
  readonly plugins: readonly { readonly server: string; readonly zone: string; readonly name: string }[]
}

/** What compiling needs. */
export type CompileInput = Omit<ParseOptions, 'isDirective'> & {
  readonly text: string
  /** Where blocks without `bind` or port listen. */
  readonly address: string
  readonly port: number
  readonly context: Omit<Context, 'zones' | 'server' | 'lookup' | 'plugin'>
}

/** Aliases that a question is led through at most. */
const maxDepth = 8

/** Reads a Corefile and sets up its plugins. Throws `CorefileError`. */
export function compile(input: CompileInput): Configuration {
  const blocks = parseCorefile(input.text, { ...input, isDirective })
  if (blocks.length === 0) throw new CorefileError(`${input.file}: no server block`)
  const listeners = new Map<string, Listener>()
  const compiled = blocks.map((block, i) => compileBlock(block, i, input, listeners))
  return {
    hash: createHash('sha512').update(input.text).digest('hex'),
    listeners,
    tasks: Object.fromEntries(compiled.flatMap(({ tasks }) => tasks)),
    demands: compiled.flatMap(({ demands }) => demands),
    unready: () => [...new Set(compiled.flatMap(({ plugins }) => namesOfUnready(plugins)))],
    plugins: compiled.flatMap(({ plugins, places }) =>
      places.flatMap((place) => [...plugins.keys()].map((name) => ({ ...place, name }))),
    ),
  }
}

function namesOfUnready(plugins: ReadonlyMap<string, Plugin>): readonly string[] {
  return [...plugins].flatMap(([name, { isReady }]) => (isReady === undefined || isReady() ? [] : [name]))
}

type CompiledBlock = {
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly tasks: readonly (readonly [string, Task])[]
  readonly demands: readonly Demand[]
  readonly places: readonly { readonly server: string; readonly zone: string }[]
}

function compileBlock(
  block: ServerBlock,
  number: number,
  input: CompileInput,
  listeners: Map<string, Listener>,
): CompiledBlock {
  const keys = block.keys.map((token) => {
    const { zones, port } = parseZoneKey(token.text)
    return { zones, port: port ?? input.port }
  })
  const addresses = bindAddresses(block, input)
  const zones = keys.flatMap((key) => key.zones)
  const [firstKey] = keys
  const server = serverName(addresses[0], firstKey?.port ?? input.port)
  const plugins = new Map<string, Plugin>()
  const own: Listener[] = []
  const context: Context = {
    ...input.context,
    zones,
    server,
    plugin: (name) => plugins.get(name),
    lookup: async (request, name, type) => await lookup(own[0], request, name, type),
  }
  for (const [name, lines] of grouped(block.directives)) {
    const setup = directives.find(([known]) => known === name)?.[1]
    const [line] = lines
    if (setup === undefined)
      throw errorAt(line?.at ?? { file: input.file, line: 1 }, `the plugin "${name}" is not supported by this server`)
    plugins.set(name, setup(lines, context))
  }
  const handler = chainOf(plugins)
  const hasChaos = [...plugins.values()].some(({ demand }) => demand?.type === 'chaosClass')
  for (const address of addresses) {
    for (const key of keys) {
      const listener = listenerAt(listeners, address ?? input.address, key.port, serverName(address, key.port))
      own.push(listener)
      for (const name of key.zones) {
        if (listener.zones.has(name))
          throw new CorefileError(
            `cannot serve dns://${name}:${key.port}${address === undefined ? '' : ` on ${address}`} - it is already defined`,
          )
        listener.zones.set(name, { name, handler, hasChaos })
      }
    }
  }
  return {
    plugins,
    tasks: [...plugins].flatMap(([name, { task }]) =>
      task === undefined ? [] : [[`${name} of block ${number + 1}`, task] as const],
    ),
    demands: [...plugins.values()].flatMap(({ demand }) => (demand === undefined ? [] : [demand])),
    places: zones.map((zone) => ({ server, zone })),
  }
}

/** The block's own addresses; one `undefined` where it has none. */
function bindAddresses({ directives: lines }: ServerBlock, { context }: CompileInput): readonly (string | undefined)[] {
  const binds = lines.filter(({ name }) => name === 'bind')
  const setup = directives.find(([name]) => name === 'bind')?.[1]
  if (binds.length === 0 || setup === undefined) return [undefined]
  const { demand } = setup(binds, {
    ...context,
    zones: [],
    server: '',
    plugin: () => undefined,
    lookup: async () => undefined,
  })
  return demand?.type === 'bind' ? demand.addresses : [undefined]
}

function serverName(address: string | undefined, port: number): string {
  const host = address?.includes(':') === true ? `[${address}]` : (address ?? '')
  return `dns://${host}:${port}`
}

function listenerAt(listeners: Map<string, Listener>, address: string, port: number, server: string): Listener {
  const key = `${address} ${port}`
  const known = listeners.get(key)
  if (known !== undefined) return known
  const made = { address, port, server, zones: new Map<string, Zone>() }
  listeners.set(key, made)
  return made
}

/** Lines by directive, in the order of the chain. */
function grouped(lines: readonly Directive[]): readonly (readonly [string, readonly Directive[]])[] {
  return directives.flatMap(([name]) => {
    const own = lines.filter((line) => line.name === name)
    return own.length === 0 ? [] : [[name, own] as const]
  })
}

function chainOf(plugins: ReadonlyMap<string, Plugin>): Handler {
  let handler: Handler = () => failure(2, 'no next plugin found')
  let hasAny = false
  for (const { wrap } of [...plugins.values()].toReversed()) {
    if (wrap === undefined) continue
    handler = wrap(handler)
    hasAny = true
  }
  // A zone without plugins that could answer refuses.
  return hasAny ? handler : () => failure(5)
}

/** The zone that answers for a name: the longest that it lies in. */
export function zoneFor({ zones }: Listener, name: string): Zone | undefined {
  for (let rest = name; ; ) {
    const found = zones.get(rest)
    if (found !== undefined) return found
    const next = rest.indexOf('.') + 1
    if (next === 0 || rest === '.') return undefined
    rest = next >= rest.length ? '.' : rest.slice(next)
  }
}

/** Asks as a client would; over TCP where the answer did not fit. */
async function lookup(listener: Listener | undefined, request: Request, name: string, type: number): Promise<Outcome> {
  const lower = name.toLowerCase()
  const zone = listener === undefined ? undefined : zoneFor(listener, lower)
  if (zone === undefined || request.depth >= maxDepth) return undefined
  const question = { name, type, class: 1 }
  const next = { ...request, question, name: lower, depth: request.depth + 1 }
  const reply = await zone.handler(next)
  return reply?.isTruncated === true && request.transport === 'udp'
    ? await zone.handler({ ...next, transport: 'tcp' })
    : reply
}
