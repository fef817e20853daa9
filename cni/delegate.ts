/** Calls another plugin: ours within this process, any other as the program that CNI_PATH holds. */
import { access } from 'node:fs/promises'
import { runTool, ToolError } from './exec.ts'
import { hostLocal } from './host-local.ts'
import {
  CniError,
  type Command,
  isJsonMap,
  type Plugin,
  parsePreviousResult,
  type Request,
  type Result,
} from './protocol.ts'

/** Runs one plugin function; ADD alone has a result. */
export async function runPlugin(plugin: Plugin, request: Request, signal: AbortSignal): Promise<Result> {
  const perform: Readonly<Record<Exclude<Command, 'VERSION'>, () => Promise<Result | undefined>>> = {
    ADD: () => plugin.add(request, signal),
    DEL: async () => void (await plugin.del(request, signal)),
    CHECK: async () => void (await plugin.check(request, signal)),
    GC: async () => void (await plugin.gc(request, signal)),
    STATUS: async () => void (await plugin.status(request, signal)),
  }
  const result = request.command === 'VERSION' ? undefined : await perform[request.command]()
  return result ?? { interfaces: [], ips: [], routes: [], dns: {} }
}

/** Runs the plugin named `type` with this request. */
export async function delegate(type: string, request: Request, signal: AbortSignal): Promise<Result> {
  if (type === 'host-local') return runPlugin(hostLocal, request, signal)
  return delegateToProgram(type, request, signal)
}

/** Runs a plugin that is not ours. Its error answer becomes ours. */
export async function delegateToProgram(type: string, request: Request, signal: AbortSignal): Promise<Result> {
  const file = await findPlugin(type, request.path)
  const options = { input: JSON.stringify(request.config), env: environmentOf(request) }
  try {
    const stdout = await runTool(file, [], options, signal)
    if (request.command !== 'ADD') return { interfaces: [], ips: [], routes: [], dns: {} }
    const result = parsePreviousResult({ ...request.config, prevResult: JSON.parse(stdout) })
    return result ?? { interfaces: [], ips: [], routes: [], dns: {} }
  } catch (error) {
    throw error instanceof ToolError ? answerOf(type, error) : error
  }
}

function answerOf(type: string, error: ToolError): CniError {
  try {
    const answer: unknown = JSON.parse(error.stderr)
    if (isJsonMap(answer))
      return new CniError('internal', `${type}: ${String(answer['msg'])}`, String(answer['details'] ?? ''))
  } catch {
    // Not JSON: the text itself is all that there is.
  }
  return new CniError('internal', `${type}: ${error.message}`)
}

async function findPlugin(type: string, path: readonly string[]): Promise<string> {
  if (type === '' || type.includes('/')) throw new CniError('invalidNetworkConfig', `invalid plugin name: ${type}`)
  for (const folder of path) {
    const file = `${folder}/${type}`
    const found = await access(file).then(
      () => true,
      () => false,
    )
    if (found) return file
  }
  throw new CniError('internal', `failed to find plugin "${type}" in path [${path.join(' ')}]`)
}

function environmentOf(request: Request): Readonly<Record<string, string>> {
  const args = Object.entries(request.args).map(([name, value]) => `${name}=${value}`)
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    CNI_COMMAND: request.command,
    CNI_CONTAINERID: request.containerId,
    CNI_NETNS: request.netns,
    CNI_IFNAME: request.ifname,
    CNI_ARGS: args.join(';'),
    CNI_PATH: request.path.join(':'),
  }
}
