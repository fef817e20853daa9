/**
 * The Container Network Interface, versions 0.3.1 to 1.1.0:
 *
 *   runtime ── environment CNI_* + configuration on stdin ──▶ plugin ── JSON on stdout, exit code ──▶ runtime
 *
 * Everything a plugin has to know about that exchange is here; it is pure.
 * Source: SPEC.md of containernetworking/cni, sections 2, 3 and 5.
 */

/** Error codes of the specification (1–99) and of our own (100 and up). */
export const errorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
} as const

/** A failure that the runtime sees: code, message and details as the specification wants them. */
export class CniError extends Error {
  override readonly name = 'CniError'
  readonly code: number
  readonly details: string

  constructor(code: keyof typeof errorCodes, message: string, details = '') {
    super(message)
    this.code = errorCodes[code]
    this.details = details
  }
}

/** Versions of the specification that these plugins speak, oldest first. */
export const supportedVersions: readonly string[] = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']

/** A field of a JSON object whose shape is not known yet. */
export type JsonMap = { readonly [field: string]: unknown }

/** What a runtime may ask for. */
export type Command = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION'

/** One call, decoded. Fields that a command does not carry are empty texts. */
export type Request = {
  readonly command: Command
  readonly containerId: string
  readonly netns: string
  readonly ifname: string
  readonly args: Readonly<Record<string, string>>
  /** Folders to look for delegated plugins in. */
  readonly path: readonly string[]
  readonly config: NetworkConfig
}

/** The network configuration as it came in, with the fields that every plugin reads. */
export type NetworkConfig = JsonMap & {
  readonly cniVersion: string
  readonly name: string
  readonly type: string
}

/** A network device named in a result; `sandbox` is the namespace path, absent on the host. */
export type Interface = {
  readonly name: string
  readonly mac?: string
  readonly mtu?: number
  readonly sandbox?: string
}

/** An address of a container; `interface` is an index into `interfaces`. */
export type IpConfig = { readonly interface?: number; readonly address: string; readonly gateway?: string }

/** A route inside the container. */
export type Route = {
  readonly dst: string
  readonly gw?: string
  readonly mtu?: number
  readonly advmss?: number
  readonly priority?: number
  readonly table?: number
  readonly scope?: number
}

/** Name resolution settings that the runtime may use. */
export type Dns = {
  readonly nameservers?: readonly string[]
  readonly domain?: string
  readonly search?: readonly string[]
  readonly options?: readonly string[]
}

/** The outcome of ADD, independent of the version on the wire. */
export type Result = {
  readonly interfaces: readonly Interface[]
  readonly ips: readonly IpConfig[]
  readonly routes: readonly Route[]
  readonly dns: Dns
}

/** A plugin: one function per command; an absent one means that there is nothing to do. */
export type Plugin = {
  readonly add: (request: Request, signal: AbortSignal) => Promise<Result>
  readonly del: (request: Request, signal: AbortSignal) => Promise<void>
  readonly check: (request: Request, signal: AbortSignal) => Promise<void>
  readonly gc: (request: Request, signal: AbortSignal) => Promise<void>
  readonly status: (request: Request, signal: AbortSignal) => Promise<void>
}

const commands: readonly string[] = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION']

const requiredVariables: Readonly<Record<Command, readonly string[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  GC: ['CNI_PATH'],
  STATUS: ['CNI_PATH'],
  VERSION: [],
}

/** The command of a call, or an error in the words of the reference implementation. */
export function parseCommand(environment: Readonly<Record<string, string | undefined>>): Command {
  const command = environment['CNI_COMMAND'] ?? ''
  if (command === '') throw new CniError('invalidEnvironment', 'required env variables [CNI_COMMAND] missing')
  if (!isCommand(command)) throw new CniError('invalidEnvironment', `unknown CNI_COMMAND: ${command}`)
  return command
}

/** Decodes environment and stdin of every command but VERSION. */
export function parseRequest(environment: Readonly<Record<string, string | undefined>>, stdin: string): Request {
  const command = parseCommand(environment)
  const missing = requiredVariables[command].filter((name) => (environment[name] ?? '') === '')
  if (missing.length > 0) {
    throw new CniError('invalidEnvironment', `required env variables [${missing.join(',')}] missing`)
  }
  const config = parseConfig(stdin)
  const containerId = environment['CNI_CONTAINERID'] ?? ''
  const ifname = environment['CNI_IFNAME'] ?? ''
  if (command === 'ADD' || command === 'DEL' || command === 'CHECK') {
    checkContainerId(containerId)
    checkInterfaceName(ifname)
  }
  checkVersionOfCommand(command, config.cniVersion)
  return {
    command,
    containerId,
    netns: environment['CNI_NETNS'] ?? '',
    ifname,
    args: parseArgs(environment['CNI_ARGS'] ?? ''),
    path: (environment['CNI_PATH'] ?? '').split(':').filter((folder) => folder !== ''),
    config,
  }
}

function parseConfig(stdin: string): NetworkConfig {
  let value: unknown
  try {
    value = JSON.parse(stdin)
  } catch (error) {
    throw new CniError('decodingFailure', `error unmarshall network config: ${jsonReason(error, stdin)}`)
  }
  if (value === null) checkNetworkName('')
  if (!isJsonMap(value)) throw new CniError('decodingFailure', 'error unmarshall network config: not a JSON object')
  const { cniVersion: version, name = '', type = '' } = value
  const cniVersion = version === undefined || version === null || version === '' ? '0.1.0' : version
  if (typeof cniVersion !== 'string' || typeof name !== 'string' || typeof type !== 'string') {
    const [field, bad] = Object.entries({ cniVersion, name, type }).find(([, one]) => typeof one !== 'string') ?? []
    throw new CniError(
      'decodingFailure',
      `error unmarshall network config: json: cannot unmarshal ${typeof bad} into Go struct field .${field} of type string`,
    )
  }
  if (!supportedVersions.includes(cniVersion)) {
    const known = supportedVersions.map((version) => `"${version}"`).join(' ')
    throw new CniError(
      'incompatibleVersion',
      'incompatible CNI versions',
      `config is "${cniVersion}", plugin supports [${known}]`,
    )
  }
  checkNetworkName(name)
  return { ...value, cniVersion, name, type }
}

/** As Go says it, where the text is cut off. */
function jsonReason(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error)
  const at = /position (\d+)/.exec(message)?.[1]
  const isCutOff = message.includes('end of JSON input') || (at !== undefined && Number(at) >= text.trimEnd().length)
  return isCutOff ? 'unexpected end of JSON input' : message
}

function checkVersionOfCommand(command: Command, version: string): void {
  const since = command === 'CHECK' ? '0.4.0' : command === 'GC' || command === 'STATUS' ? '1.1.0' : '0.1.0'
  if (compareVersions(version, since) >= 0) return
  throw new CniError(
    'incompatibleVersion',
    `config version does not allow ${command}`,
    `${version} is older than ${since}`,
  )
}

/** Orders two version texts; negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  return supportedVersions.indexOf(a) - supportedVersions.indexOf(b)
}

function checkNetworkName(name: string): void {
  if (name === '') throw new CniError('invalidNetworkConfig', 'missing network name')
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return
  throw new CniError('invalidNetworkConfig', 'invalid characters found in network name', name)
}

function checkContainerId(id: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id)) return
  throw new CniError('invalidEnvironment', 'invalid characters in containerID', id)
}

function checkInterfaceName(name: string): void {
  if (name.length > 15) {
    throw new CniError(
      'invalidEnvironment',
      'interface name is too long',
      'interface name should be less than 16 characters',
    )
  }
  if (name === '.' || name === '..') throw new CniError('invalidEnvironment', 'interface name is . or ..')
  if (/[/:\s]/.test(name)) {
    throw new CniError('invalidEnvironment', 'interface name contains / or : or whitespace characters')
  }
}

/** Splits `A=1;B=2`, as CNI_ARGS carries it. */
export function parseArgs(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(';').filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new CniError('invalidEnvironment', 'ARGS: invalid pair', pair)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** Reads `prevResult` of any supported version, or `undefined` when there is none. */
export function parsePreviousResult(config: NetworkConfig): Result | undefined {
  const previous = config['prevResult']
  if (previous === undefined || previous === null) return undefined
  if (!isJsonMap(previous)) throw new CniError('decodingFailure', 'could not parse prevResult: not a JSON object')
  // Before 0.3.0 there is one address of each family, with its routes.
  const old = ['ip4', 'ip6'].map((family) => readMap(previous[family])).filter(({ ip }) => typeof ip === 'string')
  return {
    interfaces: records(previous['interfaces']).map(readInterface),
    ips: [...records(previous['ips']), ...old.map(({ ip, gateway }) => ({ address: ip, gateway }))].map(readIp),
    routes: [...records(previous['routes']), ...old.flatMap(({ routes }) => records(routes))].map(readRoute),
    dns: isJsonMap(previous['dns']) ? previous['dns'] : {},
  }
}

function readInterface(value: JsonMap): Interface {
  const { name, mac, mtu, sandbox } = value
  return {
    name: typeof name === 'string' ? name : '',
    ...(typeof mac === 'string' && { mac }),
    ...(typeof mtu === 'number' && { mtu }),
    ...(typeof sandbox === 'string' && { sandbox }),
  }
}

function readIp(value: JsonMap): IpConfig {
  const { interface: index, address, gateway } = value
  return {
    ...(typeof index === 'number' && { interface: index }),
    address: typeof address === 'string' ? address : '',
    ...(typeof gateway === 'string' && { gateway }),
  }
}

const routeNumbers = ['mtu', 'advmss', 'priority', 'table', 'scope'] as const

/** A route with the fields that are of their type. */
export function readRoute(value: JsonMap): Route {
  const { dst, gw } = value
  const numbers = routeNumbers.flatMap((name) =>
    typeof value[name] === 'number' ? [[name, value[name]] as const] : [],
  )
  return {
    dst: typeof dst === 'string' ? dst : '',
    ...(typeof gw === 'string' && gw !== '' && { gw }),
    ...Object.fromEntries(numbers),
  }
}

/** Writes a result as `version` has it: before 1.0.0 every address names its family, before 0.3.0 there is one of each. */
export function renderResult(result: Result, version: string): JsonMap {
  if (compareVersions(version, '0.3.0') < 0) return renderOldResult(result, version)
  const isOld = compareVersions(version, '1.0.0') < 0
  const isNew = compareVersions(version, '1.1.0') >= 0
  return {
    cniVersion: version,
    ...(result.interfaces.length > 0 && {
      interfaces: result.interfaces.map(({ mtu, ...rest }) => ({
        ...rest,
        ...(isNew && mtu !== undefined && { mtu }),
      })),
    }),
    ...(result.ips.length > 0 && {
      ips: result.ips.map((ip) => ({ ...(isOld && { version: ip.address.includes(':') ? '6' : '4' }), ...ip })),
    }),
    ...(result.routes.length > 0 && {
      routes: result.routes.map(({ dst, gw, ...rest }) => ({
        dst,
        ...(gw !== undefined && { gw }),
        ...(isNew && rest),
      })),
    }),
    ...((isOld || Object.keys(result.dns).length > 0) && { dns: result.dns }),
  }
}

function renderOldResult({ ips, routes, dns }: Result, version: string): JsonMap {
  const familyOf = (isIpv6: boolean): JsonMap | undefined => {
    const ip = ips.find(({ address }) => address.includes(':') === isIpv6)
    const own = routes.filter(({ dst }) => dst.includes(':') === isIpv6)
    if (ip === undefined) return undefined
    return {
      ip: ip.address,
      ...(ip.gateway !== undefined && { gateway: ip.gateway }),
      ...(own.length > 0 && { routes: own.map(({ dst, gw }) => ({ dst, ...(gw !== undefined && { gw }) })) }),
    }
  }
  const [ip4, ip6] = [familyOf(false), familyOf(true)]
  return { cniVersion: version, ...(ip4 !== undefined && { ip4 }), ...(ip6 !== undefined && { ip6 }), dns }
}

/** The answer that tells the runtime why a call failed. */
export function renderError(error: unknown, version: string): JsonMap {
  const known = error instanceof CniError
  return {
    cniVersion: version,
    code: known ? error.code : errorCodes.internal,
    msg: error instanceof Error ? error.message : String(error),
    ...(known && error.details !== '' && { details: error.details }),
  }
}

/** An attachment of a container to a network, as GC lists them. */
export type Attachment = { readonly containerId: string; readonly ifname: string }

/** The attachments that still exist, from the key that a runtime adds for GC. */
export function validAttachments(config: NetworkConfig): readonly Attachment[] {
  const list = config['cni.dev/valid-attachments'] ?? config['cni.dev/attachments']
  return records(list).map(({ containerID, ifname }) => ({
    containerId: typeof containerID === 'string' ? containerID : '',
    ifname: typeof ifname === 'string' ? ifname : '',
  }))
}

/** The objects of a JSON list; anything else counts as an empty list. */
export function records(value: unknown): readonly JsonMap[] {
  return Array.isArray(value) ? value.filter(isJsonMap) : []
}

/** A JSON object; anything else counts as an empty one. */
export function readMap(value: unknown): JsonMap {
  return isJsonMap(value) ? value : {}
}

/** Tells JSON objects from everything else. */
export function isJsonMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCommand(text: string): text is Command {
  return commands.includes(text)
}
