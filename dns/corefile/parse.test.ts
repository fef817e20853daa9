import { expect, test } from 'vitest'
import { type Directive, parseCorefile } from './parse.ts'
import { tokensOf } from './tokens.ts'
import { matchZone, parseZoneKey, zonesOf } from './zones.ts'

const files: Readonly<Record<string, string>> = { 'extra.override': 'log\n', 'loop.override': 'import loop.override\n' }

function parse(text: string): ReturnType<typeof parseCorefile> {
  return parseCorefile(text, {
    file: 'Corefile',
    environment: { DOMAIN: 'cluster.local', PORT: '1053' },
    importFiles: (pattern) => {
      const names =
        pattern === '*.override' ? ['extra.override'] : Object.keys(files).filter((name) => name === pattern)
      return names.map((file) => ({ file, text: files[file] ?? '' }))
    },
    isDirective: (name) => ['errors', 'log', 'kubernetes', 'forward', 'rewrite', 'cache', 'health'].includes(name),
  })
}

/** A block as one text: keys, then lines with their blocks in brackets. */
function show(text: string): readonly string[] {
  const line = ({ name, args, block }: Directive): string =>
    [name, ...args, ...(block.length === 0 ? [] : [`[${block.map(line).join('; ')}]`])].join(' ')
  return parse(text).map(
    ({ keys, directives }) => `${keys.map((key) => key.text).join(' ')} > ${directives.map(line).join('; ')}`,
  )
}

const good = [
  { what: 'a block', text: '.:53 {\n errors\n cache 30\n}', want: ['.:53 > errors; cache 30'] },
  {
    what: 'blocks within directives',
    text: '. {\n kubernetes a b {\n  pods insecure\n  ttl 30\n }\n}',
    want: ['. > kubernetes a b [pods insecure; ttl 30]'],
  },
  { what: 'several zones', text: 'a.org, b.org:54 c.org {\n errors\n}', want: ['a.org b.org:54 c.org > errors'] },
  { what: 'zones on several lines', text: 'a.org,\nb.org {\n errors\n}', want: ['a.org b.org > errors'] },
  { what: 'several blocks', text: 'a {\n log\n}\nb {\n errors\n}\n', want: ['a > log', 'b > errors'] },
  { what: 'a block without braces', text: 'a.org\nlog\nerrors', want: ['a.org > log; errors'] },
  { what: 'comments', text: '# one\n. { # two\n errors # three\n}', want: ['. > errors'] },
  {
    what: 'quotes',
    text: '. {\n log . "{remote} \\"x\\" # no comment"\n}',
    want: ['. > log . {remote} "x" # no comment'],
  },
  {
    what: 'variables',
    text: '.:{$PORT} {\n kubernetes {$DOMAIN} {%DOMAIN%}{$NONE}\n}',
    want: ['.:1053 > kubernetes cluster.local cluster.local'],
  },
  {
    what: 'snippets',
    text: '(base) {\n errors\n cache {\n  denial 10\n }\n}\n. {\n import base\n log\n}',
    want: ['. > errors; cache [denial 10]; log'],
  },
  { what: 'imports of files', text: '. {\n errors\n import extra.override\n}', want: ['. > errors; log'] },
  { what: 'imports by pattern', text: '. {\n import *.override\n errors\n}', want: ['. > log; errors'] },
  { what: 'imports by a pattern without match', text: '. {\n import *.none\n errors\n}', want: ['. > errors'] },
  { what: 'braces on one line', text: '. { errors }', want: ['. > errors'] },
  { what: 'nothing', text: '\n # nothing\n', want: [] },
]
for (const { what, text, want } of good) {
  test(`parseCorefile() reads ${what}`, () => expect(show(text)).toEqual(want))
}

const bad = [
  { text: '. {\n errors\n bogus\n}', want: "Corefile:3 - Error during parsing: Unknown directive 'bogus'" },
  { text: '. {\n errors\n', want: "Corefile:2 - Syntax error: Unexpected token 'errors', expecting '}'" },
  { text: '. {\n cache {\n  denial\n', want: 'Corefile:3 - Error during parsing: Unexpected EOF' },
  { text: 'a,', want: 'Corefile:1 - Error during parsing: Unexpected EOF' },
  {
    text: 'a, {\n}',
    want: "Corefile:1 - Error during parsing: Expected another address but had '{' - check for extra comma",
  },
  {
    text: '. {\n import\n}',
    want: "Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'import'",
  },
  { text: '. {\n import nowhere\n}', want: 'Corefile:2 - Error during parsing: File to import not found: nowhere' },
  {
    text: '. {\n import a b\n}',
    want: 'Corefile:2 - Error during parsing: Import takes only one argument (glob pattern or file)',
  },
  {
    text: '(a) {\n log\n}\n(a) {\n log\n}',
    want: 'Corefile:4 - Error during parsing: redeclaration of previously declared snippet a',
  },
  { text: '(a) {\n import a\n}\n. {\n import a\n}', want: /maximum snippet import depth \(10000\) exceeded/ },
  { text: '. {\n import loop.override\n}', want: /maximum snippet import depth \(10000\) exceeded/ },
]
for (const { text, want } of bad) {
  test(`parseCorefile() refuses ${JSON.stringify(text)}`, () => expect(() => parse(text)).toThrow(want))
}

test('tokensOf() counts lines through quotations', () => {
  expect(tokensOf('a "b\nc" d\ne', 'f').map(({ text, line }) => `${line}:${text}`)).toEqual([
    '1:a',
    '1:b\nc',
    '2:d',
    '3:e',
  ])
})

const keys = [
  { text: '.', want: { zones: ['.'], port: undefined } },
  { text: '.:53', want: { zones: ['.'], port: 53 } },
  { text: ':1053', want: { zones: ['.'], port: 1053 } },
  { text: 'dns://Example.ORG:1053', want: { zones: ['example.org.'], port: 1053 } },
  { text: '10.0.0.0/24:53', want: { zones: ['0.0.10.in-addr.arpa.'], port: 53 } },
  { text: '2001:db8::/32', want: { zones: ['8.b.d.0.1.0.0.2.ip6.arpa.'], port: undefined } },
]
for (const { text, want } of keys) {
  test(`parseZoneKey() reads ${text}`, () => expect(parseZoneKey(text)).toEqual(want))
}

test('zonesOf() gives every reverse zone of a network between the borders of labels', () => {
  expect(zonesOf('10.96.0.0/12')).toEqual(Array.from({ length: 16 }, (_, i) => `${96 + i}.10.in-addr.arpa.`))
  expect(zonesOf('172.16.5.1/32')).toEqual(['1.5.16.172.in-addr.arpa.'])
})

const badKeys = [
  { text: 'a..b', want: 'zone is not a valid domain name: a..b' },
  { text: 'a:', want: 'expecting data after last colon: "a:"' },
  { text: 'tls://a', want: 'server blocks of the scheme "tls://" are not supported by this server: tls://a' },
  { text: 'a:70000', want: 'port 70000 is out of range: a:70000' },
]
for (const { text, want } of badKeys) {
  test(`parseZoneKey() refuses ${text}`, () => expect(() => parseZoneKey(text)).toThrow(want))
}

test('matchZone() takes the longest zone, by whole labels', () => {
  const zones = ['.', 'org.', 'example.org.']
  expect(matchZone(zones, 'www.example.org.')).toBe('example.org.')
  expect(matchZone(zones, 'badexample.org.')).toBe('org.')
  expect(matchZone(zones, 'com.')).toBe('.')
  expect(matchZone(['example.org.'], 'a\\.example.org.')).toBeUndefined()
  expect(matchZone(['example.org.'], 'org.')).toBeUndefined()
})
