import { expect, test } from 'vitest'
import type { ChainRules } from './rules.ts'
import { ChainKeeper, type Firewall } from './sync.ts'

const { signal } = new AbortController()
const chain: ChainRules = { family: 'ipv4', kind: 'forward', rules: ['a', 'b'], stale: ['old'] }

/** A firewall in memory that writes rules in its own way, as other versions of the tools do. */
class MemoryFirewall implements Firewall {
  rules: readonly string[] = []
  isReached = false
  writes = 0

  list = async (): Promise<{ rules: readonly string[]; isReached: boolean }> => ({
    rules: this.rules,
    isReached: this.isReached,
  })

  write = async (_chain: ChainRules, rules: readonly string[]): Promise<void> => {
    this.rules = rules.map((rule) => rule.toUpperCase())
    this.isReached = true
    this.writes += 1
  }

  cleanUp = async (): Promise<void> => undefined
}

test('ChainKeeper writes once, learns how the kernel writes its rules, and comes to rest', async () => {
  const firewall = new MemoryFirewall()
  const keeper = new ChainKeeper(firewall, [chain])
  expect([await keeper.sync(signal), await keeper.sync(signal)]).toEqual([1, 0])
  expect(firewall.rules).toEqual(['A', 'B'])
})

test('ChainKeeper puts back a rule, an order and a way to the chain that are gone, and keeps others’ rules', async () => {
  const firewall = new MemoryFirewall()
  const keeper = new ChainKeeper(firewall, [chain])
  await keeper.sync(signal)
  for (const rules of [['B', 'X'], ['B', 'A', 'X'], ['X']]) {
    firewall.rules = rules
    expect([await keeper.sync(signal), await keeper.sync(signal)]).toEqual([1, 0])
    expect(firewall.rules).toEqual(['A', 'B', 'X'])
  }
  firewall.isReached = false
  expect(await keeper.sync(signal)).toBe(1)
  expect(firewall.rules).toEqual(['A', 'B', 'X'])
})

test('ChainKeeper removes what an earlier run has left, and does not pile up its own rules over restarts', async () => {
  const firewall = new MemoryFirewall()
  firewall.rules = ['old', 'x']
  firewall.isReached = true
  for (let restart = 0; restart < 3; restart += 1) {
    const keeper = new ChainKeeper(firewall, [chain])
    for (let pass = 0; pass < 3; pass += 1) await keeper.sync(signal)
  }
  expect(firewall.rules).toEqual(['A', 'B', 'X'])
})
