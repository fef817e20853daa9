import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { linkRewriter, relocatedLink, rewriteTag } from './html-links.ts'

const base = { prefix: '/api/v1/namespaces/n/pods/p/proxy', backendHost: '10.0.0.1:80' }

const links: readonly (readonly [string, string])[] = [
  ['/rewriteme', `${base.prefix}/rewriteme`],
  ['relative', 'relative'],
  ['#part', '#part'],
  ['//other.example/x', '//other.example/x'],
  ['http://other.example/x', 'http://other.example/x'],
  ['http://10.0.0.1:80/x?a=b', `${base.prefix}/x?a=b`],
  [`${base.prefix}/already`, `${base.prefix}/already`],
]
for (const [link, want] of links) {
  test(`relocatedLink() makes ${link} ${want}`, () => {
    expect(relocatedLink(link, base)).toBe(want)
  })
}

test('rewriteTag() changes link attributes only, in either quotes', () => {
  expect(rewriteTag(`<a title="/t" href='/x' data-href="/y">`, base)).toBe(
    `<a title="/t" href='${base.prefix}/x' data-href="/y">`,
  )
})

async function through(...chunks: string[]): Promise<string> {
  const parts: Buffer[] = []
  const page = Readable.from(chunks.map((chunk) => Buffer.from(chunk))).pipe(linkRewriter(base))
  for await (const part of page) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}

test('linkRewriter() joins tags that are cut between chunks and keeps every other byte', async () => {
  expect(await through('é <im', 'g src="/', 'a>b"> ü <b', '>x</b> 1 < 2')).toBe(
    `é <img src="${base.prefix}/a>b"> ü <b>x</b> 1 < 2`,
  )
})

test('linkRewriter() does not hold back a page whose tag never ends', async () => {
  const page = `<a href="/x${'y'.repeat(100_000)}`
  expect(await through(page, page)).toBe(page + page)
})
