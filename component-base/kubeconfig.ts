/** Kubeconfig files: how to reach an API server or a webhook, and as whom. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'

/** How to reach an API server, and as whom. PEM texts, not file names. */
export type ClientConfig = {
  readonly server: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string
  readonly insecureSkipTlsVerify?: boolean
  readonly tlsServerName?: string
  /** The `User-Agent`: the API server derives the default field manager from it. */
  readonly userAgent?: string
}

type JsonObject = Readonly<Record<string, unknown>>

/** Reads a kubeconfig file and follows its current context (or `context`). */
export async function loadKubeconfig(path: string, options: { readonly context?: string } = {}): Promise<ClientConfig> {
  const config: unknown = parse(await readFile(path, 'utf8'))
  if (!isObject(config)) throw new Error(`kubeconfig ${path} is not an object`)
  const contextName = options.context ?? text(config['current-context'])
  const context = entry(config, 'contexts', 'context', contextName)
  const cluster = entry(config, 'clusters', 'cluster', text(context?.['cluster']))
  const user = entry(config, 'users', 'user', text(context?.['user'])) ?? {}
  const server = text(cluster?.['server'])
  if (cluster === undefined || server === undefined) throw new Error(`kubeconfig ${path} names no server`)
  const folder = dirname(path)
  const [ca, cert, key, tokenFile] = await Promise.all([
    pem(cluster, 'certificate-authority', folder),
    pem(user, 'client-certificate', folder),
    pem(user, 'client-key', folder),
    fileText(user['tokenFile'], folder),
  ])
  const token = text(user['token']) ?? tokenFile?.trim()
  const tlsServerName = text(cluster['tls-server-name'])
  return {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecureSkipTlsVerify: true } : {}),
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function entry(config: JsonObject, list: string, field: string, name: string | undefined): JsonObject | undefined {
  const items = config[list]
  if (!Array.isArray(items)) return undefined
  const found: unknown = items.find((item) => isObject(item) && item['name'] === name)
  const value = isObject(found) ? found[field] : undefined
  return isObject(value) ? value : undefined
}

async function pem(from: JsonObject, field: string, folder: string): Promise<string | undefined> {
  const inline = text(from[`${field}-data`])
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString('utf8')
  return await fileText(from[field], folder)
}

async function fileText(value: unknown, folder: string): Promise<string | undefined> {
  const path = text(value)
  return path === undefined ? undefined : await readFile(resolve(folder, path), 'utf8')
}
