/** Zones as a Corefile names them: `example.org`, `.:53`, `dns://a:1053`, `10.0.0.0/24`. Pure. */
import { isIP, isIPv4 } from 'node:net'
import { isWithin } from '../codec/name.ts'
import { addressBytes } from '../codec/record.ts'
import { CorefileError } from './tokens.ts'

/** A key of a server block. */
export type ZoneKey = { readonly zones: readonly string[]; readonly port: number | undefined }

/** Reads a key. Throws `CorefileError` in CoreDNS' words. */
export function parseZoneKey(text: string): ZoneKey {
  const [, scheme, address = ''] = /^(?:([a-z0-9+]+):\/\/)?(.*)$/is.exec(text) ?? []
  if (scheme !== undefined && scheme.toLowerCase() !== 'dns')
    throw new CorefileError(`server blocks of the scheme "${scheme}://" are not supported by this server: ${text}`)
  if (address.endsWith(':')) throw new CorefileError(`expecting data after last colon: "${address}"`)
  const [, host, port] = /^(.*):(\d+)$/s.exec(address) ?? [undefined, address, undefined]
  if (port !== undefined && Number(port) > 65_535) throw new CorefileError(`port ${port} is out of range: ${text}`)
  return { zones: zonesOf(host ?? ''), port: port === undefined ? undefined : Number(port) }
}

/** The zones that one word stands for: itself in full and in lower case, or the reverse zones of a network. */
export function zonesOf(text: string): readonly string[] {
  if (text.length > 255) throw new CorefileError(`specified zone is too long: ${text.length} > 255`)
  const [, address = '', bits = ''] = /^([0-9a-f.:]+)\/(\d+)$/i.exec(text) ?? []
  const width = isIPv4(address) ? 32 : 128
  if (isIP(address) !== 0 && Number(bits) <= width) return reverseZones(address, Number(bits), width)
  const name = text.toLowerCase().replace(/\.$/, '')
  const isName = name === '' || name.split('.').every((label) => label !== '' && label.length <= 63)
  if (!isName) throw new CorefileError(`zone is not a valid domain name: ${text}`)
  return [`${name}.`]
}

/** The reverse zones that make up a network; several where its length falls inside a label. */
function reverseZones(address: string, bits: number, width: 32 | 128): readonly string[] {
  const perLabel = width === 32 ? 8 : 4
  const labels = Math.ceil(bits / perLabel)
  const spread = 2 ** (labels * perLabel - bits)
  const bytes = addressBytes(address)
  const digits = width === 32 ? [...bytes] : [...bytes].flatMap((byte) => [byte >> 4, byte & 15])
  const suffix = width === 32 ? 'in-addr.arpa.' : 'ip6.arpa.'
  const kept = digits.slice(0, labels)
  const last = kept.at(-1) ?? 0
  const start = last - (last % spread)
  const radix = width === 32 ? 10 : 16
  return Array.from({ length: spread }, (_, step) => {
    const own = spread === 1 ? kept : [...kept.slice(0, -1), start + step]
    return [...own.toReversed().map((digit) => digit.toString(radix)), suffix].join('.')
  })
}

/** The longest of `zones` that `name` lies in. */
export function matchZone(zones: readonly string[], name: string): string | undefined {
  let best: string | undefined
  for (const zone of zones) {
    if (isWithin(name, zone) && zone.length > (best?.length ?? 0)) best = zone
  }
  return best
}

/** The zones that a directive names, or those of its server block. */
export function zonesOrBlock(args: readonly string[], block: readonly string[]): readonly string[] {
  return args.length === 0 ? block : args.flatMap(zonesOf)
}
