import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flattenNft, type NftBlock, type NftBlocks, type NftChain, type NftSet, type NftWhole } from './nft.ts'
import { parseTable } from './nft-command.ts'
import { type NftChange, NftMemory } from './nft-diff.ts'
import { renderChange, renderReplacement, renderRewrite } from './nft-script.ts'

const table = { family: 'ip', name: 't', comment: 'mine' } as const
const map = { type: 'map', definition: 'type ipv4_addr : verdict;' } as const
const shared = { type: 'set', definition: 'type ipv4_addr;', isShared: true } as const
const dynamic = { type: 'set', definition: 'type ipv4_addr; flags dynamic;', isDynamic: true } as const
const base: NftBlock = {
  chains: new Map<string, NftChain>([
    ['hooked', { hook: 'type filter hook input priority 0', rules: ['jump own'] }],
    ['own', { rules: ['ip daddr vmap @m'] }],
  ]),
  sets: new Map<string, NftSet>([
    ['m', map],
    ['s', shared],
  ]),
}

test('renderChange() of a new table names things before what refers to them', () => {
  const blocks: NftBlocks = new Map([
    ['', base],
    ['a', { scattered: [{ set: 'm', key: '10.0.0.1', rest: ': drop' }] }],
  ])
  expect(
    renderChange(table, new NftMemory().diff(blocks).change),
  ).toBe(`add chain ip t hooked { type filter hook input priority 0; }
flush chain ip t hooked
add chain ip t own
flush chain ip t own
add map ip t m { type ipv4_addr : verdict; }
add set ip t s { type ipv4_addr; }
add rule ip t hooked jump own
add rule ip t own ip daddr vmap @m
add element ip t m { 10.0.0.1 : drop }
`)
})

test('renderChange() removes and adds only the elements that differ', () => {
  const memory = new NftMemory()
  const elements = (entries: readonly (readonly [string, string])[]): NftBlocks =>
    new Map<string, NftBlock>([
      ['', base],
      ['a', { elements: new Map([['m', new Map(entries)]]) }],
    ])
  memory
    .diff(
      elements([
        ['1', ': drop'],
        ['2', ': drop'],
        ['3', ': drop'],
      ]),
    )
    .commit()
  const { change } = memory.diff(
    elements([
      ['1', ': drop'],
      ['2', ': accept'],
      ['4', 'comment "x" : drop'],
    ]),
  )
  expect(renderChange(table, change)).toBe(
    'delete element ip t m { 2, 3 }\nadd element ip t m { 2 : accept, 4 comment "x" : drop }\n',
  )
})

test('NftMemory keeps an element of a shared set until the last block has taken it back', () => {
  const memory = new NftMemory()
  const owners = (...ids: readonly string[]): NftBlocks =>
    new Map<string, NftBlock>([
      ['', base],
      ...ids.map((id): [string, NftBlock] => [id, { scattered: [{ set: 's', key: '10.0.0.1', rest: '' }] }]),
    ])
  const texts = [owners('a', 'b'), owners('b'), owners(), owners('c')].map((blocks) => {
    const { change, commit } = memory.diff(blocks)
    commit()
    return renderChange(table, {
      ...change,
      chains: { write: new Map(), remove: [] },
      sets: { write: new Map(), remove: new Map() },
    })
  })
  expect(texts).toEqual([
    'add element ip t s { 10.0.0.1 }\n',
    '',
    'delete element ip t s { 10.0.0.1 }\n',
    'add element ip t s { 10.0.0.1 }\n',
  ])
})

test('renderRewrite() empties what is there, keeps sets that the kernel fills, and makes hooks anew', () => {
  const { change } = new NftMemory().diff(new Map([['', { ...base, sets: new Map([['d', dynamic]]) }]]))
  const present = {
    chains: ['own', 'old'],
    sets: new Map([
      ['d', 'set'],
      ['m', 'map'],
    ] as const),
  }
  expect(renderRewrite(table, change, present).split('\n').slice(0, 6)).toEqual([
    'add table ip t { comment "mine"; }',
    'flush chain ip t own',
    'flush chain ip t old',
    'add chain ip t hooked',
    'delete chain ip t hooked',
    'delete map ip t m',
  ])
  expect(renderReplacement(table, change)).toMatch(/^add table ip t\ndelete table ip t\nadd table/)
})

test('parseTable() finds chains, sets and maps in the listing of nft', () => {
  const text = 'table ip t {\n\tmap m {\n\t\ttype x\n\t}\n\n\tset a/b {\n\t}\n\n\tchain c {\n\t\tjump chain\n\t}\n}\n'
  expect(parseTable(text)).toEqual({
    chains: ['c'],
    sets: new Map([
      ['m', 'map'],
      ['a/b', 'set'],
    ]),
  })
})

/** What the kernel would make of a change: a model of its own, so that the order of blocks does not matter. */
function applyChange(whole: NftWhole, { chains, sets, elements }: NftChange): NftWhole {
  const next = {
    chains: new Map(whole.chains),
    sets: new Map(whole.sets),
    elements: new Map([...whole.elements].map(([set, byKey]) => [set, new Map(byKey)])),
  }
  for (const [name, chain] of chains.write) next.chains.set(name, chain)
  for (const name of chains.remove) next.chains.delete(name)
  for (const name of sets.remove.keys()) {
    next.sets.delete(name)
    next.elements.delete(name)
  }
  for (const [name, set] of sets.write) next.sets.set(name, set)
  for (const [set, { add, remove }] of elements) {
    const byKey = next.elements.get(set) ?? new Map<string, string>()
    for (const key of remove) if (!byKey.delete(key)) throw new Error(`no element ${set} ${key}`)
    for (let at = 0; at < add.length; at += 2) {
      if (byKey.has(add[at] ?? '')) throw new Error(`element ${set} ${add[at]} twice`)
      byKey.set(add[at] ?? '', add[at + 1] ?? '')
    }
    next.elements.set(set, byKey)
  }
  return next
}

function sorted({ chains, sets, elements }: NftWhole) {
  const byName = <T>(entries: ReadonlyMap<string, T>) =>
    [...entries].toSorted(([left], [right]) => (left < right ? -1 : 1))
  const filled = byName(elements).filter(([, byKey]) => byKey.size > 0)
  return { chains: byName(chains), sets: byName(sets), elements: filled.map(([set, byKey]) => [set, byName(byKey)]) }
}

const owned = fc.record({
  rules: fc.constantFrom<readonly string[]>(['drop'], ['accept'], ['drop', 'accept']),
  elements: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.constantFrom(': drop', ': accept')),
  shares: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
})

/** Elements of `m` are an owner's own; those of `s` may be everybody's. */
function blocksFrom(
  owners: Readonly<
    Record<string, { rules: readonly string[]; elements: Record<string, string>; shares: readonly string[] }>
  >,
): NftBlocks {
  return new Map<string, NftBlock>([
    ['', base],
    ...Object.entries(owners).map(([id, { rules, elements, shares }]): [string, NftBlock] => [
      id,
      {
        chains: new Map([[`chain-${id}`, { rules }]]),
        sets: new Map([[`own-${id}`, map]]),
        elements: new Map([
          ['m', new Map(Object.entries(elements).map(([key, rest]) => [`${id}${key}`, rest]))],
          [`own-${id}`, new Map(Object.entries(elements))],
        ]),
        scattered: shares.map((key) => ({ set: 's', key, rest: '' })),
      },
    ]),
  ])
}

test('NftMemory: any sequence of changes ends where a fresh start would', () => {
  const states = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c'), owned), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(states, (sequence) => {
      const memory = new NftMemory()
      let kernel: NftWhole = { chains: new Map(), sets: new Map(), elements: new Map() }
      for (const state of sequence) {
        const { change, commit } = memory.diff(blocksFrom(state))
        kernel = applyChange(kernel, change)
        commit()
      }
      expect(sorted(kernel)).toEqual(sorted(flattenNft(blocksFrom(sequence.at(-1) ?? {}))))
    }),
  )
})
