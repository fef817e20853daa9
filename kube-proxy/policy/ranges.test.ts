import { expect, test } from 'vitest'
import { rangesOf, rangeTest } from './ranges.ts'

test.each([
  { name: 'one block', blocks: [{ cidr: '10.0.0.0/8' }], ip: ['10.0.0.0/8'] },
  { name: 'a block cut at an address within', blocks: [{ cidr: '10.1.2.3/8' }], ip: ['10.0.0.0/8'] },
  {
    name: 'an exception',
    blocks: [{ cidr: '10.0.0.0/30', except: ['10.0.0.1/32'] }],
    ip: ['10.0.0.0/32', '10.0.0.2/31'],
  },
  {
    name: 'exceptions that overlap',
    blocks: [{ cidr: '10.0.0.0/29', except: ['10.0.0.0/30', '10.0.0.2/31'] }],
    ip: ['10.0.0.4/30'],
  },
  {
    name: 'what another block brings back',
    blocks: [{ cidr: '10.0.0.0/30', except: ['10.0.0.0/31'] }, { cidr: '10.0.0.1/32' }],
    ip: ['10.0.0.1/32', '10.0.0.2/31'],
  },
  { name: 'neighbours as one', blocks: [{ cidr: '10.0.0.0/25' }, { cidr: '10.0.0.128/25' }], ip: ['10.0.0.0/24'] },
  { name: 'a block inside another', blocks: [{ cidr: '10.0.0.0/8' }, { cidr: '10.3.0.0/16' }], ip: ['10.0.0.0/8'] },
  { name: 'everything', blocks: [{ cidr: '0.0.0.0/0' }], ip: ['0.0.0.0/0'] },
  { name: 'leading zeros as decimals', blocks: [{ cidr: '010.000.0.0/08' }], ip: ['10.0.0.0/8'] },
  { name: 'nothing for what is no block', blocks: [{ cidr: 'x' }, { cidr: '10.0.0.0' }], ip: [] },
])('rangesOf() gives $name', ({ blocks, ip }) => {
  expect(rangesOf(blocks)).toEqual({ ip, ip6: [] })
})

test('rangesOf() keeps the families apart', () => {
  const ranges = rangesOf([{ cidr: '0.0.0.0/0' }, { cidr: 'fd00::/126', except: ['fd00::3/128'] }])
  expect(ranges).toEqual({ ip: ['0.0.0.0/0'], ip6: ['fd00::/127', 'fd00::2/128'] })
  const isInside = rangeTest(ranges)
  expect(['192.0.2.1', 'fd00::2', 'fd00::3', 'nonsense'].map(isInside)).toEqual([true, true, false, false])
})
