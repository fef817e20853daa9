import { expect, test } from 'vitest'
import { ingress, ingressClass, service, slice, snapshot, tableOptions } from '../testing.ts'
import { settingsOf } from './annotations.ts'
import { match } from './match.ts'
import { buildTable } from './table.ts'

const rules = { 'x.example': ['Prefix / web'] }
type Facts = Parameters<typeof snapshot>[1]

function endpointsWith(facts: Facts, path = 'Prefix / web'): readonly string[] {
  const table = buildTable(snapshot([ingress('a', { rules: { 'x.example': [path] } })], facts), tableOptions)
  return match(table, 'x.example', '/')?.backend.endpoints.map(({ key }) => key) ?? []
}

const endpoints = [
  {
    name: 'the ready ones, sorted',
    slices: [slice('web', 8080, { '10.0.0.2': { ready: true }, '10.0.0.1': {}, '10.0.0.3': { ready: false } })],
    want: ['10.0.0.1:8080', '10.0.0.2:8080'],
  },
  {
    name: 'those that end but still serve, when none is ready',
    slices: [
      slice('web', 8080, {
        '10.0.0.1': { ready: false, serving: true, terminating: true },
        '10.0.0.2': { ready: false, serving: false, terminating: true },
      }),
    ],
    want: ['10.0.0.1:8080'],
  },
  { name: 'none when nobody serves', slices: [slice('web', 8080, { '10.0.0.1': { ready: false } })], want: [] },
  {
    name: 'the first family of the Service',
    slices: [slice('web', 80, { '10.0.0.1': {} }), slice('web', 80, { '2001:db8::1': {} }, 'IPv6')],
    want: ['10.0.0.1:80'],
  },
  {
    name: 'the other family when the first has none',
    slices: [slice('web', 80, { '2001:db8::1': {} }, 'IPv6')],
    want: ['[2001:db8::1]:80'],
  },
]
for (const { name, slices, want } of endpoints) {
  test(`resolveBackend() takes ${name}`, () => expect(endpointsWith({ slices })).toEqual(want))
}

test('resolveBackend() finds a port by its name and by its number', () => {
  const slices = [slice('web', 8080, { '10.0.0.1': {} })]
  for (const port of ['http', '80'])
    expect(endpointsWith({ slices }, `Prefix / web:${port}`)).toEqual(['10.0.0.1:8080'])
})

function problemsWith(facts: Facts, ...ingresses: Parameters<typeof ingress>[1][]): readonly string[] {
  const all = ingresses.map((each, index) => ingress(`i${index}`, each))
  return buildTable(snapshot(all, facts), tableOptions).problems.map(
    ({ ingress: { metadata }, reason, message }) => `${metadata.name} ${reason}: ${message}`,
  )
}

test('buildTable() tells what cannot be served, and serves it with no endpoint', () => {
  expect(problemsWith({ absent: ['web'] }, { rules })).toEqual(['i0 ServiceNotFound: service "default/web" not found'])
  expect(problemsWith({}, { rules: { '': ['Prefix / web:8443'] } })).toEqual([
    'i0 PortNotFound: service "default/web" has no port 8443',
  ])
  expect(problemsWith({}, { rules: { '': ['Prefix / web:admin'] } })).toEqual([
    'i0 PortNotFound: service "default/web" has no port "admin"',
  ])
  expect(problemsWith({ services: [service('web', { type: 'ExternalName' })] }, { rules })).toEqual([
    'i0 UnsupportedService: service "default/web" is of type ExternalName, which is not proxied to',
  ])
  expect(endpointsWith({ absent: ['web'] })).toEqual([])
})

test('buildTable() refuses resource backends, and gives their requests to nobody else', () => {
  const resource = { apiGroup: 'k8s.example.com', kind: 'StorageBucket', name: 'icons' }
  const plain = ingress('a', { rules: { 'x.example': ['Prefix / web', 'Prefix /icons gone'] } })
  const [rule] = plain.spec.rules ?? []
  const paths = (rule?.http?.paths ?? []).map((each) =>
    each.path === '/icons' ? { ...each, backend: { resource } } : each,
  )
  const table = buildTable(
    snapshot([{ ...plain, spec: { ...plain.spec, rules: [{ host: 'x.example', http: { paths } }] } }]),
    tableOptions,
  )
  expect(table.problems.map(({ reason, message }) => `${reason}: ${message}`)).toEqual([
    'ResourceBackend: resource backends are not supported: StorageBucket "icons"',
  ])
  expect(match(table, 'x.example', '/icons/a.png')?.backend.endpoints).toEqual([])
  expect(match(table, 'x.example', '/')?.backend.endpoints).toHaveLength(1)
})

test('buildTable() lets the older Ingress have what two want, and tells the younger', () => {
  const older = ingress('old', { rules: { 'x.example': ['Prefix / old'] }, created: '2025-01-01T00:00:00Z' })
  const younger = ingress('new', { rules: { 'x.example': ['Prefix / new', 'Exact / exact', 'Prefix /new new'] } })
  const table = buildTable(snapshot([younger, older]), tableOptions)
  expect(['/', '/x', '/new'].map((path) => match(table, 'x.example', path)?.backend.service)).toEqual([
    'exact',
    'old',
    'new',
  ])
  expect(table.problems.map(({ ingress: { metadata }, message }) => `${metadata.name}: ${message}`)).toEqual([
    'new: host "x.example" and path "/" (Prefix) are taken by an older rule',
  ])
})

test('buildTable() gives the same table in whatever order the Ingresses come', () => {
  const all = ['a', 'b', 'c'].map((name) => ingress(name, { rules: { 'x.example': [`Prefix / ${name}`] } }))
  for (const order of [all, all.toReversed()]) {
    expect(match(buildTable(snapshot(order), tableOptions), 'x.example', '/')?.ingress).toBe('a')
  }
})

const isDefault = { 'ingressclass.kubernetes.io/is-default-class': 'true' }
const legacy = (value: string) => ({ 'kubernetes.io/ingress.class': value })
const classRows = [
  { name: 'a class of our controller', facts: { className: 'kubets' }, want: true },
  { name: 'a class of another controller', facts: { className: 'other' }, want: false },
  { name: 'a class that is not there', facts: { className: 'absent' }, want: false },
  { name: 'no class and no default', facts: { className: undefined }, want: false },
  {
    name: 'no class and a default of ours',
    facts: { className: undefined },
    classes: [ingressClass('kubets', undefined, isDefault)],
    want: true,
  },
  {
    name: 'the old annotation with our name',
    facts: { className: undefined, annotations: legacy('kubets') },
    classes: [],
    want: true,
  },
  {
    name: 'the old annotation with a class of ours',
    facts: { className: undefined, annotations: legacy('mine') },
    classes: [ingressClass('mine')],
    want: true,
  },
  {
    name: 'the old annotation of another, which goes before the field',
    facts: { annotations: legacy('nginx') },
    want: false,
  },
]
for (const {
  name,
  facts,
  classes = [ingressClass('kubets'), ingressClass('other', 'example.com/x')],
  want,
} of classRows) {
  test(`buildTable() ${want ? 'takes' : 'leaves'} an Ingress with ${name}`, () => {
    expect(buildTable(snapshot([ingress('a', { rules, ...facts })], { classes }), tableOptions).ingresses).toHaveLength(
      want ? 1 : 0,
    )
  })
}

test('buildTable() names the Secret of every host, and the older Ingress keeps it', () => {
  const table = buildTable(
    snapshot([
      ingress('old', { rules, tls: { 'x.example,*.y.example': 'first' }, created: '2025-01-01T00:00:00Z' }),
      ingress('new', { rules: { 'z.example': ['Prefix / web'] }, tls: { 'x.example': 'second', '': 'third' } }),
    ]),
    tableOptions,
  )
  expect(table.tls.map(({ host, secret }) => `${host} ${secret}`)).toEqual([
    'x.example default/first',
    '*.y.example default/first',
    'z.example default/third',
  ])
  expect(table.problems.map(({ reason }) => reason)).toEqual(['Conflict'])
})

const annotated = (annotations: Readonly<Record<string, string>>) =>
  settingsOf(
    ingress('a', {
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]),
      ),
    }),
    tableOptions.defaults,
  )

test('settingsOf() reads the annotations of ingress-nginx', () => {
  expect(
    annotated({
      'ssl-redirect': 'true',
      'backend-protocol': 'GRPC',
      'proxy-body-size': '8m',
      'proxy-connect-timeout': '3',
      'proxy-read-timeout': '120',
      affinity: 'cookie',
      'session-cookie-name': 'route',
      'session-cookie-max-age': '60',
    }),
  ).toEqual({
    settings: {
      redirect: 'withTls',
      usesRegex: false,
      protocol: 'h2c',
      maxBodyBytes: 8 * 1024 * 1024,
      connectTimeoutMs: 3_000,
      readTimeoutMs: 120_000,
      cookie: { name: 'route', path: '/', maxAgeSeconds: 60, isSecure: false },
    },
    problems: [],
  })
})

test('settingsOf() tells of values that it cannot use, and keeps the defaults', () => {
  const { settings, problems } = annotated({
    'ssl-redirect': 'yes',
    'backend-protocol': 'FCGI',
    'proxy-body-size': '8 megabytes',
    'rewrite-target': 'no-slash',
  })
  expect(settings).toEqual({ ...tableOptions.defaults, usesRegex: false })
  expect(problems).toEqual([
    'annotation ssl-redirect has the invalid value "yes"',
    'annotation rewrite-target has the invalid value "no-slash"',
    'annotation backend-protocol has the invalid value "FCGI"',
    'annotation proxy-body-size has the invalid value "8 megabytes"',
  ])
})

test('buildTable() tells of a pattern that is none', () => {
  const annotations = { 'nginx.ingress.kubernetes.io/use-regex': 'true' }
  expect(problemsWith({}, { annotations, rules: { '': ['ImplementationSpecific /a( web'] } })).toEqual([
    'i0 InvalidPath: path "/a(" is no regular expression',
  ])
})
