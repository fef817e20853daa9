/**
 * Bridges flanneld and the container runtime: takes this host's subnet from the
 * file that flanneld writes and lets another plugin (bridge) connect the container.
 *
 *   subnet.env + configuration ──plan──▶ delegate's configuration ──▶ bridge ──▶ host-local
 *                                               │
 *                                               └─ kept in <dataDir>/<containerID> until DEL
 */
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises'
import { replaceFile } from '../component-base/replace-file.ts'
import { bridge } from './bridge.ts'
import { delegateToProgram, runPlugin } from './delegate.ts'
import { delegateOf, parseSubnetFile, planDelegate, subnetFileError } from './flannel-plan.ts'
import {
  CniError,
  isJsonMap,
  type NetworkConfig,
  type Plugin,
  type Request,
  type Result,
  validAttachments,
} from './protocol.ts'

/** The flannel plugin. */
export const flannel: Plugin = { add, del, check, gc, status }

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const config = await readDelegate(request.config)
  await keep(request, config)
  return run({ ...request, config: withPrevious(config, request.config) }, signal)
}

async function run(request: Request, signal: AbortSignal): Promise<Result> {
  if (request.config.type === 'bridge') return runPlugin(bridge, request, signal)
  return delegateToProgram(request.config.type, request, signal)
}

async function readDelegate(config: NetworkConfig): Promise<NetworkConfig> {
  const path = textOr(config['subnetFile'], '/run/flannel/subnet.env')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    // flanneld has not written it yet; the runtime tries again until it has.
    throw subnetFileError(`open ${path}: ${reasonOf(error)}`)
  }
  return planDelegate(config, parseSubnetFile(text, path))
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'no such file or directory'
  return error instanceof Error ? error.message : String(error)
}

async function keep({ config, containerId }: Request, delegate: NetworkConfig): Promise<void> {
  const folder = folderOf(config)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await replaceFile(`${folder}/${containerId}`, JSON.stringify(delegate), 0o600)
}

async function kept({ config, containerId }: Request): Promise<NetworkConfig | undefined> {
  let text: string
  try {
    text = await readFile(`${folderOf(config)}/${containerId}`, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const value: unknown = JSON.parse(text)
  if (!isJsonMap(value)) throw new CniError('internal', `kept configuration of ${containerId} is not a JSON object`)
  return { ...value, name: config.name, cniVersion: config.cniVersion, type: textOr(value['type'], 'bridge') }
}

async function del(request: Request, signal: AbortSignal): Promise<void> {
  const config = await kept(request)
  // Never added, or deleted already: DEL may come twice.
  if (config === undefined) return
  await run({ ...request, config: withPrevious(config, request.config) }, signal)
  await unlink(`${folderOf(request.config)}/${request.containerId}`).catch(() => undefined)
}

async function check(request: Request, signal: AbortSignal): Promise<void> {
  const config = await kept(request)
  if (config === undefined) throw new CniError('unknownContainer', `no configuration kept for ${request.containerId}`)
  await run({ ...request, config: withPrevious(config, request.config) }, signal)
}

async function gc(request: Request, signal: AbortSignal): Promise<void> {
  const config = await readDelegate(request.config)
  const attachments = request.config['cni.dev/valid-attachments']
  await run({ ...request, config: { ...config, 'cni.dev/valid-attachments': attachments } }, signal)
  const alive = new Set(validAttachments(request.config).map(({ containerId }) => containerId))
  const folder = folderOf(request.config)
  const names = await readdir(folder).catch(() => [])
  const gone = names.filter((name) => !alive.has(name.replace(/\.tmp$/, '')))
  await Promise.all(gone.map((name) => unlink(`${folder}/${name}`).catch(() => undefined)))
}

async function status(request: Request, signal: AbortSignal): Promise<void> {
  delegateOf(request.config)
  let config: NetworkConfig
  try {
    config = await readDelegate(request.config)
  } catch (error) {
    throw new CniError('pluginNotAvailable', error instanceof Error ? error.message : String(error))
  }
  await run({ ...request, config }, signal)
}

function folderOf(config: NetworkConfig): string {
  return textOr(config['dataDir'], '/var/lib/cni/flannel')
}

function withPrevious(config: NetworkConfig, from: NetworkConfig): NetworkConfig {
  return from['prevResult'] === undefined ? config : { ...config, prevResult: from['prevResult'] }
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback
}
