/** The name servers of a resolv.conf. Pure. */
import { isIP } from 'node:net'

/** A name server to ask. */
export type Upstream = { readonly address: string; readonly port: number }

/** The `nameserver` lines of a resolv.conf. */
export function parseResolvConf(text: string): readonly Upstream[] {
  return text.split('\n').flatMap((line) => {
    const [keyword, value = ''] = line.trim().split(/\s+/)
    const address = value.split('%')[0] ?? ''
    return keyword === 'nameserver' && isIP(address) !== 0 ? [{ address, port: 53 }] : []
  })
}

/** Reads `address`, `address:port` or `[address]:port`; `undefined` for anything else. */
export function parseUpstream(text: string): Upstream | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 }
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  return isIP(address) === 0 ? undefined : { address, port: Number(port) }
}
