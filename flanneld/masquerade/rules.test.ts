import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { subnetOf } from '../testing.ts'
import { rulesOf as iptablesRules, renderChain as renderIptables } from './iptables.ts'
import { rulesOf as nftRules, renderCleanUp, renderChain as renderNft } from './nftables.ts'
import { iptablesForward, iptablesMasquerade, mergeChain, nftForward, nftMasquerade } from './rules.ts'

const ipv4 = {
  family: 'ipv4',
  network: subnetOf('10.244.0.0/16'),
  subnet: subnetOf('10.244.1.0/24'),
  isRandom: true,
} as const
const ipv6 = {
  family: 'ipv6',
  network: subnetOf('fd00:244::/48'),
  subnet: subnetOf('fd00:244:0:1::/64'),
  isRandom: false,
} as const

describe('iptables', () => {
  test('iptablesMasquerade() never touches pod to pod, and hides the rest', () => {
    expect(renderIptables('masquerade', iptablesMasquerade(ipv4), false)).toBe(`*nat
:FLANNEL-POSTRTG - [0:0]
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
COMMIT
`)
  })
  test('iptablesMasquerade() of IPv6 leaves multicast out, and without random ports when asked', () => {
    expect(iptablesMasquerade(ipv6)[4]).toBe(
      '-s fd00:244::/48 ! -d ff00::/8 -m comment --comment "flanneld masq" -j MASQUERADE',
    )
  })
  test('renderChain() adds no second jump', () => {
    const rules = iptablesForward(ipv4.network)
    expect(renderIptables('forward', rules, true)).not.toContain('-A FORWARD')
    expect(renderIptables('forward', rules, false)).toContain(
      '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
    )
  })
  test('rulesOf() reads what iptables prints', () => {
    const listing = `-N FLANNEL-FWD\n-A FLANNEL-FWD -s 10.0.0.0/8 -j ACCEPT\n-A FLANNEL-FWD-X -j DROP\n`
    expect(iptablesRules(listing, 'FLANNEL-FWD')).toEqual(['-s 10.0.0.0/8 -j ACCEPT'])
  })
})

describe('nftables', () => {
  test('renderChain() fills a chain in upstream’s table, in one transaction', () => {
    expect(
      renderNft('ipv6', 'masquerade', nftMasquerade(ipv6)),
    ).toBe(`add table ip6 flannel-ipv6 { comment "rules for flannel-ipv6" ; }
add chain ip6 flannel-ipv6 postrtg { type nat hook postrouting priority srcnat ; comment "chain to manage traffic masquerading by flannel" ; }
flush chain ip6 flannel-ipv6 postrtg
add rule ip6 flannel-ipv6 postrtg meta mark & 0x00004000 == 0x00004000 return
add rule ip6 flannel-ipv6 postrtg ip6 saddr fd00:244:0:1::/64 ip6 daddr fd00:244::/48 return
add rule ip6 flannel-ipv6 postrtg ip6 saddr fd00:244::/48 ip6 daddr fd00:244:0:1::/64 return
add rule ip6 flannel-ipv6 postrtg ip6 saddr != fd00:244::/48 ip6 daddr fd00:244:0:1::/64 return
add rule ip6 flannel-ipv6 postrtg ip6 saddr fd00:244::/48 ip6 daddr != ff00::/8 masquerade
add rule ip6 flannel-ipv6 postrtg ip6 saddr != fd00:244::/48 ip6 daddr fd00:244::/48 masquerade
`)
    expect(renderNft('ipv4', 'forward', nftForward('ipv4', ipv4.network))).toContain(
      'add rule ip flannel-ipv4 forward ip saddr 10.244.0.0/16 accept',
    )
  })
  test('rulesOf() reads what nft prints', () => {
    const listing = `table ip flannel-ipv4 {
	comment "rules for flannel-ipv4"
	chain forward {
		comment "chain to accept flannel traffic"
		type filter hook forward priority filter; policy accept;
		ip saddr 10.244.0.0/16 accept
	}
}
`
    expect(nftRules(listing)).toEqual(['ip saddr 10.244.0.0/16 accept'])
  })
  test('renderCleanUp() works whether the tables are there or not', () => {
    expect(renderCleanUp()).toBe(
      'add table ip flannel-ipv4\ndelete table ip flannel-ipv4\nadd table ip6 flannel-ipv6\ndelete table ip6 flannel-ipv6\n',
    )
  })
})

describe('mergeChain()', () => {
  test('is settled with others’ rules behind ours or between them', () => {
    expect(mergeChain(['a', 'b'], [], ['a', 'b', 'x']).isSettled).toBe(true)
    expect(mergeChain(['a', 'b'], [], ['a', 'x', 'b']).isSettled).toBe(true)
  })
  const unsettled = [
    { what: 'a rule is missing', present: ['a', 'x'], others: ['x'] },
    { what: 'the order is wrong', present: ['b', 'a'], others: [] },
    { what: 'a rule stands twice', present: ['a', 'b', 'b'], others: [] },
    { what: 'a stale rule stands', present: ['a', 'b', 'old', 'x'], others: ['x'] },
  ]
  for (const { what, present, others } of unsettled) {
    test(`is not settled when ${what}`, () => {
      expect(mergeChain(['a', 'b'], ['old', 'a'], present)).toEqual({ isSettled: false, others })
    })
  }
  test('comes to rest for two that share a chain, whatever they begin with', () => {
    const rule = fc.constantFrom('mark', 'a1', 'a2', 'b1', 'b2', 'x')
    const mine = { a: ['mark', 'a1', 'a2'], b: ['mark', 'b1', 'b2'] }
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.array(fc.constantFrom('a', 'b'), { maxLength: 6 }),
        (start, turns) => {
          let chain: readonly string[] = start
          const turn = (who: 'a' | 'b'): boolean => {
            const { isSettled, others } = mergeChain(mine[who], [], chain)
            if (!isSettled) chain = [...mine[who], ...others]
            return isSettled
          }
          for (const who of turns) turn(who)
          for (const who of ['a', 'b', 'a', 'b'] as const) turn(who)
          expect([turn('a'), turn('b')]).toEqual([true, true])
        },
      ),
    )
  })
})
