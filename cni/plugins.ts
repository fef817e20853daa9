/** All plugins by name, and the answer to one call. */
import { bandwidth } from './bandwidth.ts'
import { bridge } from './bridge.ts'
import { runPlugin } from './delegate.ts'
import { flannel } from './flannel.ts'
import { hostLocal } from './host-local.ts'
import { loopback } from './loopback.ts'
import { portmap } from './portmap.ts'
import {
  CniError,
  isJsonMap,
  type JsonMap,
  type Plugin,
  parseCommand,
  parseRequest,
  renderError,
  renderResult,
  supportedVersions,
} from './protocol.ts'

/** The plugins of this program. */
export const plugins: Readonly<Record<string, Plugin>> = {
  flannel,
  bridge,
  'host-local': hostLocal,
  portmap,
  bandwidth,
  loopback,
}

/** What goes to stdout (nothing when `undefined`), and the exit code. */
export type Answer = { readonly output: JsonMap | undefined; readonly exitCode: 0 | 1 }

/** Answers one call of the plugin named `name`. */
export async function answer(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  stdin: string,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const plugin = plugins[name]
    if (plugin === undefined) throw new CniError('invalidEnvironment', `unknown plugin: ${name}`)
    return { output: await perform(plugin, environment, stdin, signal), exitCode: 0 }
  } catch (error) {
    return { output: renderError(error, versionOf(stdin)), exitCode: 1 }
  }
}

async function perform(
  plugin: Plugin,
  environment: Readonly<Record<string, string | undefined>>,
  stdin: string,
  signal: AbortSignal,
): Promise<JsonMap | undefined> {
  const command = parseCommand(environment)
  if (command === 'VERSION') return { cniVersion: supportedVersions.at(-1), supportedVersions }
  const request = parseRequest(environment, stdin)
  const result = await runPlugin(plugin, request, signal)
  return command === 'ADD' ? renderResult(result, request.config.cniVersion) : undefined
}

/** The version to answer an error in: the configuration's own where it can be read. */
function versionOf(stdin: string): string {
  const newest = supportedVersions.at(-1) ?? ''
  try {
    const value: unknown = JSON.parse(stdin)
    const version = isJsonMap(value) ? value['cniVersion'] : undefined
    return typeof version === 'string' && supportedVersions.includes(version) ? version : newest
  } catch {
    return newest
  }
}
