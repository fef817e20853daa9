import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dualLeaseOf, leaseOf } from '../testing.ts'
import type { WireguardConfig, WireguardMode } from './config.ts'
import { loadKeys, pairOf, parseKey } from './wireguard-keys.ts'
import { isInStep, peersOf, renderWireguard, tunnelsOf, wireguardAttributes } from './wireguard-plan.ts'

/** RFC 7748, section 6.1: Alice's keys. */
const alice = {
  privateKey: 'dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=',
  publicKey: 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=',
}
/** The same section: Bob's public key. */
const bob = '3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08='

const config: WireguardConfig = {
  type: 'wireguard',
  listenPort: 51_820,
  listenPortV6: 51_821,
  mtu: 0,
  psk: '',
  keepaliveSeconds: 0,
  mode: 'separate',
}
const own = { ipv4: '192.168.0.1', ipv6: 'fd00::1' }
const dual = dualLeaseOf(
  'wireguard',
  ['10.244.2.0/24', { publicIp: '192.168.0.2', backendData: { PublicKey: bob, Port: 51_820 } }],
  ['fd00:244:0:2::/64', { publicIp: 'fd00::2', backendData: { PublicKey: bob, Port: 51_821 } }],
)

describe('keys', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(`${tmpdir()}/wgkey-`)
  })
  afterAll(async () => await rm(folder, { recursive: true, force: true }))

  test('pairOf() derives the public key as RFC 7748 does', () => {
    expect(pairOf(Buffer.from(alice.privateKey, 'base64'))).toEqual(alice)
  })
  test('loadKeys() makes a key once, for root alone', async () => {
    const path = `${folder}/new/wgkey`
    const first = await loadKeys(path)
    expect(await loadKeys(path)).toEqual(first)
    expect((await stat(path)).mode & 0o777).toBe(0o400)
    expect(await readFile(path, 'utf8')).toBe(first.privateKey)
  })
  test('loadKeys() takes a key that upstream or an operator has left', async () => {
    await writeFile(`${folder}/given`, `${alice.privateKey}\n`)
    expect(await loadKeys(`${folder}/given`)).toEqual(alice)
  })
  const bad = [
    ['abc=', 'could not parse psk: wgtypes: incorrect key size: 2'],
    ['!', 'could not parse psk: wgtypes: failed to parse base64-encoded key'],
  ] as const
  for (const [text, message] of bad) {
    test(`parseKey() refuses ${text}`, () => expect(() => parseKey(text, 'could not parse psk')).toThrow(message))
  }
})

describe('tunnels', () => {
  const both = ['ipv4', 'ipv6'] as const
  test('tunnelsOf() makes one for each family, or one for both', () => {
    expect(tunnelsOf(config, both)).toEqual([
      { name: 'flannel-wg', port: 51_820, families: ['ipv4'] },
      { name: 'flannel-wg-v6', port: 51_821, families: ['ipv6'] },
    ])
    expect(tunnelsOf({ ...config, mode: 'auto' }, both)).toEqual([{ name: 'flannel-wg', port: 51_820, families: both }])
  })
  test('wireguardAttributes() are upstream’s', () => {
    expect(wireguardAttributes(config, bob, own)).toEqual({
      backendType: 'wireguard',
      ipv4: { publicIp: '192.168.0.1', backendData: { PublicKey: bob, Port: 51_820 } },
      ipv6: { publicIp: 'fd00::1', backendData: { PublicKey: bob, Port: 51_821 } },
    })
    expect(wireguardAttributes({ ...config, mode: 'ipv6' }, bob, own).ipv6?.backendData).toMatchObject({ Port: 51_820 })
  })

  const endpoints = (
    mode: WireguardMode,
    lease = dual,
    mine: typeof own | { ipv4: string } = own,
  ): readonly string[] => {
    const given = { ...config, mode }
    return tunnelsOf(given, both).flatMap((tunnel) =>
      peersOf(tunnel, [lease], given, mine).map(({ endpoint, allowedIps }) => `${endpoint} ${allowedIps.join()}`),
    )
  }
  const inside = '10.244.2.0/24,fd00:244:0:2::/64'
  const publicLease = dualLeaseOf(
    'wireguard',
    ['10.244.2.0/24', { publicIp: '192.168.0.2', backendData: { PublicKey: bob } }],
    ['fd00:244:0:2::/64', { publicIp: '2001:db8::2', backendData: { PublicKey: bob } }],
  )
  const table = [
    ['separate', dual, own, ['192.168.0.2:51820 10.244.2.0/24', '[fd00::2]:51821 fd00:244:0:2::/64']],
    ['ipv4', dual, own, [`192.168.0.2:51820 ${inside}`]],
    ['ipv6', dual, own, [`[fd00::2]:51821 ${inside}`]],
    ['auto', dual, own, [`192.168.0.2:51820 ${inside}`]],
    ['auto', publicLease, { ...own, ipv6: '2001:db8::1' }, [`[2001:db8::2]:51820 ${inside}`]],
    ['auto', publicLease, own, [`192.168.0.2:51820 ${inside}`]],
  ] as const
  for (const [mode, lease, mine, want] of table) {
    test(`peersOf() in mode ${mode} reaches ${lease.ipv6?.publicIp} from ${mine.ipv6}`, () => {
      expect(endpoints(mode, lease, mine)).toEqual(want)
    })
  }
  test('peersOf() leaves out hosts without a usable key, and other backends', () => {
    const [tunnel] = tunnelsOf(config, ['ipv4'])
    if (tunnel === undefined) throw new Error('no tunnel')
    const half = (backendData: unknown): ReturnType<typeof leaseOf> =>
      leaseOf('wireguard', '10.244.3.0/24', { publicIp: '192.168.0.3', backendData })
    const bad = [
      half(null),
      half({ PublicKey: 'x' }),
      half({ PublicKey: `${bob}\n[Peer]` }),
      { ...dual, backendType: 'vxlan' },
    ]
    expect(peersOf(tunnel, bad, config, own)).toEqual([])
  })
})

describe('the text for wg', () => {
  const [tunnel] = tunnelsOf(config, ['ipv4'])
  if (tunnel === undefined) throw new Error('no tunnel')
  const full = { ...config, psk: 'FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=', keepaliveSeconds: 25 }
  const peers = peersOf(tunnel, [dual], full, own)

  test('renderWireguard() writes device and peers', () => {
    expect(renderWireguard(tunnel, peers, full, alice)).toBe(`[Interface]
PrivateKey = ${alice.privateKey}
ListenPort = 51820

[Peer]
PublicKey = ${bob}
PresharedKey = ${full.psk}
Endpoint = 192.168.0.2:51820
AllowedIPs = 10.244.2.0/24
PersistentKeepalive = 25
`)
  })

  const dump = (...peerLines: readonly string[]): string =>
    [[alice.privateKey, alice.publicKey, '51820', 'off'].join('\t'), ...peerLines, ''].join('\n')
  const line = (psk: string, allowed: string, keepalive: string): string =>
    [bob, psk, '9.9.9.9:1', allowed, '0', '0', '0', keepalive].join('\t')
  const table = [
    ['the same, wherever the host is now', dump(line(full.psk, '10.244.2.0/24', '25')), true],
    ['no peer', dump(), false],
    ['another subnet', dump(line(full.psk, '10.244.9.0/24', '25')), false],
    ['no shared key', dump(line('(none)', '10.244.2.0/24', '25')), false],
    ['no keepalive', dump(line(full.psk, '10.244.2.0/24', 'off')), false],
    ['a fresh device', '(none)\t(none)\t0\toff\n', false],
  ] as const
  for (const [what, text, want] of table) {
    test(`isInStep() for ${what}`, () => expect(isInStep(text, tunnel, peers, full, alice)).toBe(want))
  }
})
