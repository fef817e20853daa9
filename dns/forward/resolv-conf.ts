/** The name servers of a resolv.conf, and addresses as `forward` takes them. Pure. */
import { isIP } from 'node:net'

/** The addresses of `nameserver` lines, without their scopes. */
export function parseResolvConf(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [keyword, value = ''] = line.trim().split(/\s+/)
    const address = value.split('%')[0] ?? ''
    return keyword === 'nameserver' && isIP(address) !== 0 ? [address] : []
  })
}

/** The search path of a resolv.conf: its last `search` or `domain` line. */
export function parseSearch(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/))
  return lines.findLast(([keyword]) => keyword === 'search' || keyword === 'domain')?.slice(1) ?? []
}

/** An address with its port, and a scheme in front. */
export type ServerAddress = { readonly scheme: string; readonly address: string; readonly port: number }

const defaultPorts: Readonly<Record<string, number>> = { dns: 53, tls: 853 }

/** Reads `address`, `address:port`, `[address]:port`, each with `dns://` or `tls://` in front; `undefined` for anything else. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const [, scheme = 'dns', rest = ''] = /^(?:([a-z0-9+]+):\/\/)?(.*)$/is.exec(text) ?? []
  const standard = defaultPorts[scheme.toLowerCase()] ?? 0
  const bare = rest.replace(/^\[(.*)\]$/, '$1').split('%')[0] ?? ''
  if (isIP(bare) !== 0) return { scheme, address: bare, port: standard }
  const [, bracketed, plain, port = ''] = /^(?:\[([^%\]]+)(?:%[^\]]*)?\]|([^:]+)):(\d{1,5})$/.exec(rest) ?? []
  const address = bracketed ?? plain ?? ''
  return isIP(address) === 0 || Number(port) > 65_535 ? undefined : { scheme, address, port: Number(port) }
}
