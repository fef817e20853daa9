import { expect, test } from 'vitest'
import { missingJumps, parseSave, renderRestore } from './iptables-restore.ts'
import { type Block, diffBlocks, rewriteAll } from './ruleset.ts'

const nat = (chains: Readonly<Record<string, readonly string[]>>): Block => ({ nat: new Map(Object.entries(chains)) })

test('renderRestore() writes changed chains, removes dead ones, and leaves equal ones alone', () => {
  const applied = new Map([
    ['a', nat({ A: ['-j ACCEPT'], A2: ['-j DROP'] })],
    ['b', nat({ B: ['-j ACCEPT'] })],
  ])
  const wanted = new Map([['a', nat({ A: ['-j ACCEPT'], A2: ['-j RETURN'] })]])
  expect(renderRestore(diffBlocks(applied, wanted))).toBe(
    ['*nat', ':A2 - [0:0]', ':B - [0:0]', '-A A2 -j RETURN', '-X B', 'COMMIT', ''].join('\n'),
  )
})

test('renderRestore() is empty when nothing changed', () => {
  const make = () => new Map([['a', nat({ A: ['-j ACCEPT'] })]])
  expect(renderRestore(diffBlocks(make(), make()))).toBe('')
})

test('diffBlocks() does not remove a chain that moved to another block', () => {
  const change = diffBlocks(new Map([['a', nat({ X: [] })]]), new Map([['b', nat({ X: ['-j DROP'] })]]))
  expect(renderRestore(change)).toBe('*nat\n:X - [0:0]\n-A X -j DROP\nCOMMIT\n')
})

test('rewriteAll() writes everything and removes what is stale', () => {
  const change = rewriteAll(new Map([['a', nat({ A: ['-j DROP'] })]]), new Map([['nat', ['OLD']]]))
  expect(renderRestore(change)).toBe('*nat\n:A - [0:0]\n:OLD - [0:0]\n-A A -j DROP\n-X OLD\nCOMMIT\n')
})

test('missingJumps() finds jumps that are not there; renderRestore() puts them first, in order', () => {
  const present = parseSave('*nat\n:OUTPUT ACCEPT [1:2]\n:A - [0:0]\n-A OUTPUT -j A\nCOMMIT\n')
  const wanted = new Map([['nat' as const, new Map([['OUTPUT', ['-j A', '-j B', '-j C']]])]])
  expect(renderRestore(new Map(), missingJumps(wanted, present))).toBe(
    '*nat\n-I OUTPUT 1 -j C\n-I OUTPUT 1 -j B\nCOMMIT\n',
  )
})

test('renderRestore() makes iptables look at all chains when it names many', () => {
  const wanted = new Map([['a', nat(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`C${at}`, []])))]])
  expect(renderRestore(rewriteAll(wanted, new Map())).split('\n').slice(0, 3)).toEqual(['*nat', '-S', ':C0 - [0:0]'])
})

test('renderRestore() makes iptables look at all chains when a chain is long', () => {
  const long = Array.from({ length: 2_001 }, () => '-j DROP')
  expect(renderRestore(rewriteAll(new Map([['a', nat({ A: long })]]), new Map())).startsWith('*nat\n-S\n')).toBe(true)
})
