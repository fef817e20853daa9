/**
 * Routing, held against two lists of behaviours: the table of examples in the API's documentation of Ingress path types, and the
 * scenarios of kubernetes-sigs/ingress-controller-conformance (host rules, path rules, default backend, ingress class).
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ingress, ingressClass, snapshot, tableOptions } from '../testing.ts'
import { match, rewrite } from './match.ts'
import { matchingHost, matchingPath } from './paths.ts'
import { buildTable, type Table } from './table.ts'

/** The Service that a request goes to; '404' for none. */
function served(table: Table, url: string): string {
  const { host, pathname } = new URL(url)
  const matched = match(table, matchingHost(host) ?? '', matchingPath(pathname) ?? '')
  return matched?.backend.service ?? '404'
}

/** Paths of one host. */
function tableOf(...paths: readonly string[]): Table {
  return buildTable(snapshot([ingress('a', { rules: { 'x.example': paths } })]), tableOptions)
}

const documented: readonly { readonly paths: readonly string[]; readonly request: string; readonly want: string }[] = [
  { paths: ['Prefix / a'], request: '/any/path', want: 'a' },
  { paths: ['Exact /foo a'], request: '/foo', want: 'a' },
  { paths: ['Exact /foo a'], request: '/bar', want: '404' },
  { paths: ['Exact /foo a'], request: '/foo/', want: '404' },
  { paths: ['Exact /foo/ a'], request: '/foo', want: '404' },
  { paths: ['Prefix /foo a'], request: '/foo', want: 'a' },
  { paths: ['Prefix /foo a'], request: '/foo/', want: 'a' },
  { paths: ['Prefix /foo/ a'], request: '/foo', want: 'a' },
  { paths: ['Prefix /foo/ a'], request: '/foo/', want: 'a' },
  { paths: ['Prefix /aaa/bb a'], request: '/aaa/bbb', want: '404' },
  { paths: ['Prefix /aaa/bbb a'], request: '/aaa/bbb', want: 'a' },
  { paths: ['Prefix /aaa/bbb/ a'], request: '/aaa/bbb', want: 'a' },
  { paths: ['Prefix /aaa/bbb a'], request: '/aaa/bbb/', want: 'a' },
  { paths: ['Prefix /aaa/bbb a'], request: '/aaa/bbb/ccc', want: 'a' },
  { paths: ['Prefix /aaa/bbb a'], request: '/aaa/bbbxyz', want: '404' },
  { paths: ['Prefix / a', 'Prefix /aaa b'], request: '/aaa/ccc', want: 'b' },
  { paths: ['Prefix / a', 'Prefix /aaa b'], request: '/ccc', want: 'a' },
  { paths: ['Prefix / a', 'Prefix /aaa b', 'Prefix /aaa/bbb c'], request: '/aaa/bbb', want: 'c' },
  { paths: ['Prefix / a', 'Prefix /aaa b', 'Prefix /aaa/bbb c'], request: '/ccc', want: 'a' },
  { paths: ['Prefix /aaa a'], request: '/ccc', want: '404' },
  { paths: ['Prefix /foo a', 'Exact /foo b'], request: '/foo', want: 'b' },
]
for (const { paths, request, want } of documented) {
  test(`match() sends ${request} to ${want} with ${paths.join(', ')} (documented example)`, () => {
    expect(served(tableOf(...paths), `http://x.example${request}`)).toBe(want)
  })
}

const pathRules = buildTable(
  snapshot([
    ingress('path-rules', {
      rules: {
        'exact-path-rules': ['Exact /foo foo-exact:8080'],
        'prefix-path-rules': [
          'Prefix /foo foo-prefix',
          'Prefix /aaa/bbb aaa-slash-bbb-prefix',
          'Prefix /aaa aaa-prefix',
        ],
        'mixed-path-rules': ['Prefix /foo foo-prefix', 'Exact /foo foo-exact'],
        'trailing-slash-path-rules': ['Prefix /aaa/bbb/ aaa-slash-bbb-slash-prefix', 'Exact /foo/ foo-slash-exact'],
      },
    }),
  ]),
  tableOptions,
)
const scenarios: readonly (readonly [string, string])[] = [
  ['exact-path-rules/foo', 'foo-exact'],
  ['exact-path-rules/foo/', '404'],
  ['exact-path-rules/FOO', '404'],
  ['exact-path-rules/bar', '404'],
  ['prefix-path-rules/foo', 'foo-prefix'],
  ['prefix-path-rules/foo/', 'foo-prefix'],
  ['prefix-path-rules/FOO', '404'],
  ['prefix-path-rules/aaa/bbb', 'aaa-slash-bbb-prefix'],
  ['prefix-path-rules/aaa/bbb/ccc', 'aaa-slash-bbb-prefix'],
  ['prefix-path-rules/aaa/ccc', 'aaa-prefix'],
  ['prefix-path-rules/aaaccc', '404'],
  ['mixed-path-rules/foo', 'foo-exact'],
  ['mixed-path-rules/foo/bar', 'foo-prefix'],
  ['trailing-slash-path-rules/aaa/bbb', 'aaa-slash-bbb-slash-prefix'],
  ['trailing-slash-path-rules/aaa/bbb/', 'aaa-slash-bbb-slash-prefix'],
  ['trailing-slash-path-rules/foo/', 'foo-slash-exact'],
  ['trailing-slash-path-rules/foo', '404'],
]
for (const [url, want] of scenarios) {
  test(`match() path rules: ${url} is served by ${want}`, () => expect(served(pathRules, `http://${url}`)).toBe(want))
}

const hostRules = buildTable(
  snapshot([
    ingress('host-rules', { rules: { '*.foo.com': ['Prefix / wildcard'], 'foo.bar.com': ['Prefix / exact:http'] } }),
  ]),
  tableOptions,
)
const hosts: readonly (readonly [string, string])[] = [
  ['foo.bar.com', 'exact'],
  ['FOO.bar.com:8080', 'exact'],
  ['subdomain.bar.com', '404'],
  ['bar.foo.com', 'wildcard'],
  ['baz.bar.foo.com', '404'],
  ['foo.com', '404'],
]
for (const [host, want] of hosts) {
  test(`match() host rules: ${host} is served by ${want}`, () =>
    expect(served(hostRules, `http://${host}/`)).toBe(want))
}

test('match() takes the exact host before the wildcard, and then no path of the wildcard', () => {
  const rules = { '*.foo.com': ['Prefix / wildcard'], 'bar.foo.com': ['Prefix /own own'] }
  const table = buildTable(snapshot([ingress('a', { rules })]), tableOptions)
  expect(['/own', '/other'].map((path) => served(table, `http://bar.foo.com${path}`))).toEqual(['own', '404'])
})

test('match() applies rules without host to all hosts, after their own', () => {
  const rules = { '': ['Prefix /shared shared', 'Prefix / rest'], 'a.example': ['Prefix /own own'] }
  const table = buildTable(snapshot([ingress('a', { rules })]), tableOptions)
  expect(['a.example/own', 'a.example/shared', 'b.example/'].map((url) => served(table, `http://${url}`))).toEqual([
    'own',
    'shared',
    'rest',
  ])
})

test('match() sends what no rule wants to the default backend of the Ingress that has the host', () => {
  const table = buildTable(
    snapshot([
      ingress('all', { fallback: 'echo-service:8080' }),
      ingress('own', { rules: { 'a.example': ['Prefix /x x'] }, fallback: 'own-default' }),
    ]),
    tableOptions,
  )
  expect(
    ['a.example/x', 'a.example/y', 'my-host/', 'some-host/sub-path'].map((url) => served(table, `http://${url}`)),
  ).toEqual(['x', 'own-default', 'echo-service', 'echo-service'])
})

test('match() knows no route for a class that is not ours', () => {
  const rules = { 'ingress-class': ['Prefix / a'] }
  const others = [
    ingress('other', { rules, className: 'some-invalid-class-name' }),
    ingress('foreign', { rules, className: 'foreign' }),
    ingress('none', { rules, className: undefined }),
    ingress('annotated', { rules, annotations: { 'kubernetes.io/ingress.class': 'nginx' } }),
  ]
  const classes = [ingressClass('kubets'), ingressClass('foreign', 'example.com/x')]
  expect(served(buildTable(snapshot(others, { classes }), tableOptions), 'http://ingress-class/')).toBe('404')
})

test('match() takes the longest of patterns and prefixes', () => {
  const annotations = { 'nginx.ingress.kubernetes.io/use-regex': 'true' }
  const rules = {
    'x.example': [
      'ImplementationSpecific /api/v[0-9]+/users users',
      'Prefix /api api',
      'ImplementationSpecific /a.* any',
    ],
  }
  const table = buildTable(snapshot([ingress('a', { rules, annotations })]), tableOptions)
  expect(
    ['/api/v12/users/7', '/API/v1/users', '/api/x', '/abc'].map((path) => served(table, `http://x.example${path}`)),
  ).toEqual(['users', 'users', 'api', 'any'])
})

test('match() without use-regex takes ImplementationSpecific as a prefix', () => {
  const table = tableOf('ImplementationSpecific /a.* a', 'ImplementationSpecific  root')
  expect(['/a.*/x', '/abc'].map((path) => served(table, `http://x.example${path}`))).toEqual(['a', 'root'])
})

const rewrites = [
  { path: '/something(/|$)(.*)', target: '/$2', request: '/something', want: '/' },
  { path: '/something(/|$)(.*)', target: '/$2', request: '/something/', want: '/' },
  { path: '/something(/|$)(.*)', target: '/$2', request: '/something/new?q=1', want: '/new?q=1' },
  { path: '/app', target: '/', request: '/app/deep', want: '/' },
  { path: '/x/(.*)', target: '/y/$1?z=2', request: '/x/a%20b?q=1', want: '/y/a%20b?z=2&q=1' },
  { path: '/x', target: '/y/$3', request: '/x', want: '/y/' },
]
for (const { path, target, request, want } of rewrites) {
  test(`rewrite() makes ${want} of ${request} with ${path} and ${target}`, () => {
    const annotations = { 'nginx.ingress.kubernetes.io/rewrite-target': target }
    const rules = { 'x.example': [`ImplementationSpecific ${path} a`] }
    const table = buildTable(snapshot([ingress('a', { rules, annotations })]), tableOptions)
    const decoded = matchingPath(request.split('?')[0] ?? '') ?? ''
    const route = match(table, 'x.example', decoded)
    expect(route === undefined ? undefined : rewrite(route, decoded, request)).toBe(want)
  })
}

test('rewrite() leaves the target as it came without the annotation', () => {
  const route = match(tableOf('Prefix / a'), 'x.example', '/a b')
  expect(route === undefined ? undefined : rewrite(route, '/a b', '/a%20b?x=%2F')).toBe('/a%20b?x=%2F')
})

const element = fc.stringMatching(/^[a-c]{1,2}$/)
const anyPath = fc.array(element, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`)

test('match() finds the same prefix as reading all rules does', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyPath, { minLength: 1, maxLength: 8 }), anyPath, (prefixes, request) => {
      const table = tableOf(...prefixes.map((prefix, index) => `Prefix ${prefix} s${index}`))
      const elements = (path: string) => path.split('/').filter((part) => part !== '')
      const covering = prefixes.filter((prefix) => elements(prefix).every((part, at) => elements(request)[at] === part))
      const longest = covering.toSorted((a, b) => elements(b).length - elements(a).length)[0]
      const want = longest === undefined ? '404' : `s${prefixes.indexOf(longest)}`
      return served(table, `http://x.example${request}`) === want
    }),
  )
})
