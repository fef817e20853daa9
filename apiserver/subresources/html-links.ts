/**
 * Links of a proxied page: a path of the backend's own must lead through the proxy. Only the values of link attributes change;
 * everything else passes as it came. Source: upstream's proxy transport and its table of link attributes (HTML 4.01 and 5).
 */
import { Transform } from 'node:stream'

const anyTag = [
  'href',
  'src',
  'action',
  'cite',
  'longdesc',
  'formaction',
  'poster',
  'background',
  'manifest',
  'icon',
  'usemap',
]
const linkAttributes = new Set([...anyTag, 'codebase', 'classid', 'data', 'profile'])
/** A tag that is longer is no tag that links: it passes as it came. */
const maxTagLength = 64 * 1024

/** What the proxy's own address is for the page. */
export type LinkBase = {
  /** The URL's path up to and with `/proxy`. */
  readonly prefix: string
  /** `host:port` of the backend: absolute links to it are its own too. */
  readonly backendHost: string
}

/** Pure. The address that a link of the page gets. */
export function relocatedLink(link: string, { prefix, backendHost }: LinkBase): string {
  const own = /^https?:\/\/([^/?#]*)(.*)$/i.exec(link)
  const path = own !== null && own[1] === backendHost ? own[2] || '/' : link
  const isOwnPath = path.startsWith('/') && !path.startsWith('//')
  return isOwnPath && !path.startsWith(`${prefix}/`) ? `${prefix}${path}` : link
}

/** Pure. One tag with its angle brackets. */
export function rewriteTag(tag: string, base: LinkBase): string {
  return tag.replace(
    /([\s"'/])([a-zA-Z]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)')/g,
    (whole, before: string, name: string, equals: string, double: string | undefined, single: string | undefined) => {
      if (!linkAttributes.has(name.toLowerCase())) return whole
      const quote = double === undefined ? "'" : '"'
      return `${before}${name}${equals}${quote}${relocatedLink(double ?? single ?? '', base)}${quote}`
    },
  )
}

/** The end of the tag that starts at `from`, or -1: quotes may hold angle brackets. */
function tagEnd(text: string, from: number): number {
  let quote = ''
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? ''
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return at
  }
  return -1
}

/** Rewrites the links of a page as it streams through. */
export function linkRewriter(base: LinkBase): Transform {
  // Latin-1 maps bytes to characters one to one: what is not a link keeps its bytes, whatever the page's encoding.
  let rest = ''
  const rewritten = (isLast: boolean): string => {
    let out = ''
    let from = 0
    for (;;) {
      const start = rest.indexOf('<', from)
      if (start === -1) break
      const end = tagEnd(rest, start)
      if (end === -1 && !isLast && rest.length - start < maxTagLength) {
        out += rest.slice(from, start)
        rest = rest.slice(start)
        return out
      }
      const stop = end === -1 ? start + 1 : end + 1
      out += rest.slice(from, start) + (end === -1 ? '<' : rewriteTag(rest.slice(start, stop), base))
      from = stop
    }
    out += rest.slice(from)
    rest = ''
    return out
  }
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      rest += chunk.toString('latin1')
      done(null, Buffer.from(rewritten(false), 'latin1'))
    },
    flush(done) {
      done(null, Buffer.from(rewritten(true), 'latin1'))
    },
  })
}
