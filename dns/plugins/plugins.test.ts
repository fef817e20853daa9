/** Every plugin through the chain: what a Corefile with it answers. */
import { describe, expect, test } from 'vitest'
import { FakeCluster, sampleRecords } from '../fixtures.ts'
import { ask, configure, show } from './harness.ts'

const cluster = '. {\n kubernetes cluster.local in-addr.arpa ip6.arpa {\n  pods insecure\n  ttl 30\n }\n}'

describe('kubernetes', () => {
  const withOptions = (lines: string): string =>
    `. {\n kubernetes cluster.local in-addr.arpa {\n${lines}\n }\n whoami\n}`
  const table = [
    {
      lines: '',
      name: 'kubernetes.default.svc.cluster.local.',
      want: 'NOERROR | kubernetes.default.svc.cluster.local. 5 A 10.96.0.1',
    },
    {
      lines: 'ttl 0',
      name: 'kubernetes.default.svc.cluster.local.',
      want: 'NOERROR | kubernetes.default.svc.cluster.local. 0 A 10.96.0.1',
    },
    { lines: '', name: '10-1-2-3.default.pod.cluster.local.', want: 'NXDOMAIN' },
    {
      lines: 'pods insecure',
      name: '10-1-2-3.default.pod.cluster.local.',
      want: 'NOERROR | 10-1-2-3.default.pod.cluster.local. 5 A 10.1.2.3',
    },
    { lines: 'pods verified', name: '10-1-2-3.default.pod.cluster.local.', want: 'NXDOMAIN' },
    {
      lines: 'pods verified',
      name: '10-244-1-9.default.pod.cluster.local.',
      want: 'NOERROR | 10-244-1-9.default.pod.cluster.local. 5 A 10.244.1.9',
    },
    { lines: 'pods verified', name: '10-244-1-9.empty.pod.cluster.local.', want: 'NXDOMAIN' },
    { lines: 'noendpoints', name: 'web.default.svc.cluster.local.', want: 'NXDOMAIN' },
    { lines: 'ignore empty_service', name: 'dual.default.svc.cluster.local.', want: 'NXDOMAIN' },
    {
      lines: 'ignore empty_service',
      name: 'kubernetes.default.svc.cluster.local.',
      want: 'NOERROR | kubernetes.default.svc.cluster.local. 5 A 10.96.0.1',
    },
    { lines: '', name: 'absent.default.svc.cluster.local.', want: 'NXDOMAIN' },
    {
      lines: 'fallthrough',
      name: 'absent.default.svc.cluster.local.',
      want: 'NOERROR',
    },
    { lines: 'fallthrough in-addr.arpa', name: 'absent.default.svc.cluster.local.', want: 'NXDOMAIN' },
    { lines: '', name: 'fell.through.', want: 'NOERROR' },
  ]
  const records = { ...sampleRecords, pods: { '10.244.1.9': ['default'] } }
  for (const { lines, name, want } of table) {
    test(`with "${lines}" says of ${name}: ${want}`, async () => {
      const own = new FakeCluster()
      own.records = records
      expect(show(await ask(configure(withOptions(lines), { cluster: own }), name))).toBe(want)
    })
  }

  test('answers SERVFAIL until the cluster is known, and does not have it remembered', async () => {
    const own = new FakeCluster()
    const configuration = configure(cluster.replace('. {\n', '. {\n cache 30\n'), { cluster: own })
    own.synced = false
    expect(show(await ask(configuration, 'kubernetes.default.svc.cluster.local.'))).toBe('SERVFAIL')
    expect(configuration.unready()).toEqual(['kubernetes'])
    own.synced = true
    expect(show(await ask(configuration, 'kubernetes.default.svc.cluster.local.'))).toMatch(/^NOERROR/)
    expect(configuration.unready()).toEqual([])
  })

  test('answers PTR, and NXDOMAIN with the SOA of the reverse zone', async () => {
    const configuration = configure(cluster)
    expect(show(await ask(configuration, '10.0.96.10.in-addr.arpa.', 'PTR'))).toBe(
      'NOERROR | 10.0.96.10.in-addr.arpa. 30 PTR kube-dns.kube-system.svc.cluster.local.',
    )
    const absent = await ask(configuration, '9.9.9.9.in-addr.arpa.', 'PTR')
    expect(show(absent)).toBe('NXDOMAIN')
    expect(absent?.authorities[0]?.name).toBe('in-addr.arpa.')
  })

  test('names as its name server the Service that this process stands behind', async () => {
    const own = new FakeCluster()
    own.records = {
      ...sampleRecords,
      endpoints: {
        ...sampleRecords.endpoints,
        'kube-system/kube-dns': [{ hostname: '172-31-240-11', address: '172.31.240.11', ports: [] }],
      },
    }
    expect(show(await ask(configure(cluster, { cluster: own }), 'cluster.local.', 'NS'))).toBe(
      'NOERROR | cluster.local. 30 NS kube-dns.kube-system.svc.cluster.local.',
    )
    expect(show(await ask(configure(cluster), 'cluster.local.', 'NS'))).toBe(
      'NOERROR | cluster.local. 30 NS ns.dns.cluster.local.',
    )
  })

  test('follows an ExternalName through the other zones of the server', async () => {
    const text = `${cluster}\nexample.com {\n hosts {\n  192.0.2.80 www.example.com\n }\n}`
    expect(show(await ask(configure(text), 'outside.default.svc.cluster.local.'))).toBe(
      'NOERROR | outside.default.svc.cluster.local. 30 CNAME www.example.com. | www.example.com. 3600 A 192.0.2.80',
    )
  })

  test('has names between names: they exist without records', async () => {
    const configuration = configure(cluster)
    for (const name of ['svc', 'default.svc', '_tcp.kubernetes.default.svc', '_tcp.web.default.svc', 'pod', 'dns'])
      expect(`${name}: ${show(await ask(configuration, `${name}.cluster.local.`))}`).toBe(`${name}: NOERROR`)
    expect(show(await ask(configuration, '_udp.kubernetes.default.svc.cluster.local.'))).toBe('NXDOMAIN')
  })

  test('transfers its zone to whom it may, over TCP, and refuses otherwise', async () => {
    const text = cluster.replace('. {\n', '. {\n transfer cluster.local {\n  to 10.244.1.9\n }\n')
    const configuration = configure(text)
    const given = await ask(configuration, 'cluster.local.', 'AXFR', { transport: 'tcp' })
    const types = given?.answers.map(({ data }) => data.type) ?? []
    expect([types[0], types.at(-1)]).toEqual(['SOA', 'SOA'])
    expect(show(given)).toContain('web-0.web.default.svc.cluster.local. 30 A 10.244.1.5')
    expect(show(given)).toContain('_https._tcp.kubernetes.default.svc.cluster.local. 30 SRV')
    expect(show(await ask(configuration, 'cluster.local.', 'AXFR'))).toBe('REFUSED')
    const stranger = { transport: 'tcp', client: { address: '192.0.2.1', port: 1 } } as const
    expect(show(await ask(configuration, 'cluster.local.', 'AXFR', stranger))).toBe('REFUSED')
    expect(show(await ask(configure(cluster), 'cluster.local.', 'AXFR', { transport: 'tcp' }))).toBe('REFUSED')
  })
})

const hostsBlock = 'hosts {\n 192.0.2.1 a.test b.test\n 2001:db8::1 a.test\n 192.0.2.9 x.svc.consul\n}'
const chains = [
  { text: `. {\n ${hostsBlock}\n}`, name: 'a.test.', type: 'AAAA', want: 'NOERROR | a.test. 3600 AAAA 2001:db8::1' },
  { text: `. {\n ${hostsBlock}\n}`, name: 'b.test.', type: 'AAAA', want: 'NOERROR' },
  { text: `. {\n ${hostsBlock}\n}`, name: 'c.test.', type: 'A', want: 'SERVFAIL' },
  {
    text: `. {\n ${hostsBlock}\n}`,
    name: '1.2.0.192.in-addr.arpa.',
    type: 'PTR',
    want: 'NOERROR | 1.2.0.192.in-addr.arpa. 3600 PTR a.test. | 1.2.0.192.in-addr.arpa. 3600 PTR b.test.',
  },
  {
    text: `. {\n rewrite name foo.test a.test\n ${hostsBlock}\n}`,
    name: 'foo.test.',
    type: 'A',
    want: 'NOERROR | foo.test. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite name suffix .other .test\n ${hostsBlock}\n}`,
    name: 'a.other.',
    type: 'A',
    want: 'NOERROR | a.test. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite name suffix .other .test answer auto\n ${hostsBlock}\n}`,
    name: 'a.other.',
    type: 'A',
    want: 'NOERROR | a.other. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite stop {\n  name regex (.*)-eu\\.rocks {1}.svc.consul\n  answer name (.*)\\.svc\\.consul {1}-eu.rocks\n }\n ${hostsBlock}\n}`,
    name: 'x-eu.rocks.',
    type: 'A',
    want: 'NOERROR | x-eu.rocks. 3600 A 192.0.2.9',
  },
  {
    text: `. {\n rewrite name substring .foo. .\n ${hostsBlock}\n}`,
    name: 'a.foo.test.',
    type: 'A',
    want: 'NOERROR | a.test. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite type AAAA A\n ${hostsBlock}\n}`,
    name: 'b.test.',
    type: 'AAAA',
    want: 'NOERROR | b.test. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite ttl a.test 5-60\n ${hostsBlock}\n}`,
    name: 'a.test.',
    type: 'A',
    want: 'NOERROR | a.test. 60 A 192.0.2.1',
  },
  {
    text: `. {\n rewrite rcode regex .* SERVFAIL NXDOMAIN\n ${hostsBlock}\n}`,
    name: 'c.test.',
    type: 'A',
    want: 'NXDOMAIN',
  },
  {
    text: `. {\n rewrite continue name b.foo a.foo\n rewrite name suffix .foo .test answer auto\n ${hostsBlock}\n}`,
    name: 'b.foo.',
    type: 'A',
    want: 'NOERROR | b.foo. 3600 A 192.0.2.1',
  },
  { text: `. {\n whoami\n}`, name: 'x.', type: 'A', want: 'NOERROR' },
  {
    text: `. {\n any\n whoami\n}`,
    name: 'x.',
    type: 'ANY',
    want: 'NOERROR | x. 8482 HINFO 0d414e59206f62736f6c657465640c536565205246432038343832',
  },
  {
    text: `. {\n acl {\n  block type A net 10.244.0.0/16\n }\n ${hostsBlock}\n}`,
    name: 'a.test.',
    type: 'A',
    want: 'REFUSED',
  },
  {
    text: `. {\n acl {\n  block type A net 10.244.0.0/16\n }\n ${hostsBlock}\n}`,
    name: 'a.test.',
    type: 'AAAA',
    want: 'NOERROR | a.test. 3600 AAAA 2001:db8::1',
  },
  {
    text: `. {\n acl {\n  allow net 10.0.0.0/8\n  block\n }\n ${hostsBlock}\n}`,
    name: 'a.test.',
    type: 'A',
    want: 'NOERROR | a.test. 3600 A 192.0.2.1',
  },
  { text: `. {\n acl test {\n  filter\n }\n ${hostsBlock}\n}`, name: 'a.test.', type: 'A', want: 'NOERROR' },
  { text: `. {\n acl {\n  drop net *\n }\n ${hostsBlock}\n}`, name: 'a.test.', type: 'A', want: 'nothing' },
  { text: `. {\n local\n whoami\n}`, name: 'localhost.', type: 'A', want: 'NOERROR | localhost. 604800 A 127.0.0.1' },
  {
    text: `. {\n template IN A {\n  match ^ip-(\\d+)-(\\d+)-(\\d+)-(\\d+)[.]example[.]$\n  answer "{{ .Name }} 60 IN A {{ index .Match 1 }}.{{ index .Match 2 }}.{{ index .Match 3 }}.{{ index .Match 4 }}"\n  fallthrough\n }\n ${hostsBlock}\n}`,
    name: 'ip-10-1-2-3.example.',
    type: 'A',
    want: 'NOERROR | ip-10-1-2-3.example. 60 A 10.1.2.3',
  },
  {
    text: `. {\n template IN A {\n  match ^nothing$\n  fallthrough\n }\n ${hostsBlock}\n}`,
    name: 'a.test.',
    type: 'A',
    want: 'NOERROR | a.test. 3600 A 192.0.2.1',
  },
  {
    text: `. {\n template ANY ANY bad.test {\n  rcode NXDOMAIN\n }\n ${hostsBlock}\n}`,
    name: 'x.bad.test.',
    type: 'A',
    want: 'NXDOMAIN',
  },
  { text: `. {\n errors\n}`, name: 'x.', type: 'A', want: 'SERVFAIL' },
  { text: `. {\n health\n}`, name: 'x.', type: 'A', want: 'REFUSED' },
]
describe('plugins', () => {
  for (const { text, name, type, want } of chains) {
    test(`of ${JSON.stringify(text)} answer ${name} ${type} with ${want}`, async () => {
      expect(show(await ask(configure(text), name, type))).toBe(want)
    })
  }

  test('whoami tells address, port and transport', async () => {
    const reply = await ask(configure('. {\n whoami\n}'), 'x.test.')
    expect(reply?.additionals).toMatchObject([
      { data: { type: 'A', address: '10.244.1.9' } },
      { name: '_udp.x.test.', data: { type: 'SRV', port: 4321 } },
    ])
  })

  test('autopath walks the search path of the pod that asks', async () => {
    const own = new FakeCluster()
    own.records = { ...sampleRecords, pods: { '10.244.1.9': ['default'] } }
    const text = `. {\n autopath @kubernetes\n kubernetes cluster.local {\n  pods verified\n }\n hosts {\n  192.0.2.1 www.test\n  fallthrough\n }\n}`
    const configuration = configure(text, { cluster: own })
    expect(show(await ask(configuration, 'www.test.default.svc.cluster.local.'))).toBe(
      'NOERROR | www.test.default.svc.cluster.local. 3600 CNAME www.test. | www.test. 3600 A 192.0.2.1',
    )
    expect(show(await ask(configuration, 'kube-dns.kube-system.default.svc.cluster.local.'))).toBe(
      'NOERROR | kube-dns.kube-system.default.svc.cluster.local. 5 CNAME kube-dns.kube-system.svc.cluster.local. | kube-dns.kube-system.svc.cluster.local. 5 A 10.96.0.10',
    )
    expect(show(await ask(configuration, 'no.where.default.svc.cluster.local.'))).toBe('NXDOMAIN')
  })

  test('file serves a zone with wildcards, aliases and names between names', async () => {
    const zone = `$TTL 300
@ IN SOA ns.example.org. admin.example.org. ( 1 7200 1800 ; refresh and retry
   86400 60 )
  IN NS ns
ns A 192.0.2.53
www 60 IN CNAME web
web A 192.0.2.80
    AAAA 2001:db8::80
*.wild A 192.0.2.99
a.b.c TXT "one \\"two\\"" three
@ MX 10 mail.example.org.
out CNAME elsewhere.test.
`
    const text = 'example.org {\n file db.example\n}\ntest {\n hosts {\n  192.0.2.44 elsewhere.test\n }\n}'
    const configuration = configure(text, { files: { 'db.example': zone } })
    const told = async (name: string, type = 'A'): Promise<string> =>
      show(await ask(configuration, `${name === '' ? '' : `${name}.`}example.org.`, type))
    expect(await told('www')).toBe(
      'NOERROR | www.example.org. 60 CNAME web.example.org. | web.example.org. 300 A 192.0.2.80',
    )
    expect(await told('web', 'AAAA')).toBe('NOERROR | web.example.org. 300 AAAA 2001:db8::80')
    expect(await told('x.wild')).toBe('NOERROR | x.wild.example.org. 300 A 192.0.2.99')
    expect(await told('b.c')).toBe('NOERROR')
    expect(await told('a.b.c', 'TXT')).toBe('NOERROR | a.b.c.example.org. 300 TXT one "two" three')
    expect(await told('none')).toBe('NXDOMAIN')
    expect(await told('out')).toBe(
      'NOERROR | out.example.org. 300 CNAME elsewhere.test. | elsewhere.test. 3600 A 192.0.2.44',
    )
    expect(await told('', 'MX')).toBe('NOERROR | example.org. 300 MX 000a046d61696c076578616d706c65036f726700')
  })
})

const refused = [
  {
    block: 'kubernetes {\n  pods sometimes\n }',
    want: 'plugin/kubernetes: wrong value for pods: sometimes,  must be one of: disabled, verified, insecure',
  },
  {
    block: 'kubernetes {\n  bogus\n }',
    want: "plugin/kubernetes: Corefile:3 - Error during parsing: unknown property 'bogus'",
  },
  { block: 'kubernetes {\n  ttl 9999\n }', want: /ttl must be in range \[0, 3600\]: 9999/ },
  {
    block: 'kubernetes {\n  pods\n }',
    want: "plugin/kubernetes: Corefile:3 - Error during parsing: Wrong argument count or unexpected line ending after 'pods'",
  },
  {
    block: 'kubernetes a\n kubernetes b',
    want: 'plugin/kubernetes: this plugin can only be used once per Server Block',
  },
  { block: 'kubernetes {\n  ignore me\n }', want: "plugin/kubernetes: unable to parse ignore value: 'me'" },
  {
    block: 'kubernetes {\n  namespaces a\n  namespace_labels b=c\n }',
    want: /namespaces and namespace_labels cannot both be set/,
  },
  {
    block: 'forward',
    want: "plugin/forward: Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'forward'",
  },
  {
    block: 'forward . nowhere',
    want: /plugin\/forward: not an IP address or file "nowhere": failed to open file "nowhere"/,
  },
  { block: 'forward . 1.1.1.1 {\n  policy best\n }', want: /unknown policy 'best'/ },
  {
    block: 'forward . 1.1.1.1 {\n  max_fails many\n }',
    want: 'plugin/forward: strconv.Atoi: parsing "many": invalid syntax',
  },
  { block: 'forward . 1.1.1.1 {\n  health_check 5\n }', want: 'plugin/forward: time: missing unit in duration "5"' },
  {
    block: `forward . ${Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`).join(' ')}`,
    want: 'plugin/forward: more than 15 TOs configured: 16',
  },
  { block: 'cache 0', want: 'plugin/cache: cache TTL can not be zero or negative: 0' },
  {
    block: 'cache {\n  disable everything\n }',
    want: 'plugin/cache: cache type for disable must be "success" or "denial"',
  },
  { block: 'cache {\n  prefetch 1 1m 5%\n }', want: 'plugin/cache: percentage should fall in range [10, 90]: 5' },
  { block: 'health a b', want: /^plugin\/health: .*Wrong argument count/ },
  { block: 'reload 1s', want: 'plugin/reload: interval value must be greater or equal to 2s' },
  { block: 'rewrite name a', want: 'plugin/rewrite: too few arguments for a name rule' },
  {
    block: 'rewrite name fuzzy a b',
    want: 'plugin/rewrite: name rule supports only exact, prefix, suffix, substring, and regex name matching, received: fuzzy',
  },
  { block: 'rewrite name regex ( b', want: 'plugin/rewrite: invalid regex matching pattern: (' },
  {
    block: 'rewrite name regex (a) {1}{2}',
    want: 'plugin/rewrite: the rewrite regex pattern ({1}{2}) uses more subexpressions than its corresponding matching regex pattern ((a))',
  },
  { block: 'rewrite colour a b', want: 'plugin/rewrite: invalid rule type "colour"' },
  { block: 'acl {\n  permit\n }', want: /unexpected token "permit"; expect 'allow', 'block', 'filter' or 'drop'/ },
  { block: 'acl {\n  allow net 10.0.0.0/99\n }', want: /illegal CIDR notation "10.0.0.0\/99"/ },
  { block: 'loadbalance lottery', want: 'plugin/loadbalance: unknown policy: lottery' },
  { block: 'bind eth77', want: 'plugin/bind: not a valid IP address or interface name: "eth77"' },
  { block: 'file nowhere', want: /plugin\/file: ENOENT/ },
  { block: 'autopath', want: 'plugin/autopath: no resolv-conf specified' },
  { block: 'template IN A {\n  answer "{{ range .X }}"\n }', want: /the expression "range .X" is not supported/ },
  { block: 'dnssec', want: 'Corefile:2 - Error during parsing: the plugin "dnssec" is not supported by this server' },
  { block: 'transfer {\n  from *\n }', want: /unknown property "from"/ },
]
for (const { block, want } of refused) {
  test(`compile() refuses ${JSON.stringify(block)}`, () => {
    expect(() => configure(`. {\n ${block}\n}`)).toThrow(want)
  })
}

test('compile() refuses a zone that two blocks serve', () => {
  expect(() => configure('a {\n whoami\n}\na {\n whoami\n}')).toThrow(
    'cannot serve dns://a.:53 - it is already defined',
  )
})

test('compile() takes kubeadm’s Corefile word for word', async () => {
  const text = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`
  const configuration = configure(text, { files: { '/etc/resolv.conf': 'nameserver 192.0.2.53\n' } })
  expect(configuration.demands).toEqual([
    { type: 'ready', address: undefined },
    { type: 'health', address: undefined, lameDuckMs: 5000 },
    { type: 'metrics', address: ':9153' },
  ])
  expect(show(await ask(configuration, 'kubernetes.default.svc.cluster.local.'))).toBe(
    'NOERROR | kubernetes.default.svc.cluster.local. 30 A 10.96.0.1',
  )
})
