import { expect, test } from 'vitest'
import { renderTable } from './report.ts'

test('renderTable() aligns names to the left and figures to the right', () => {
  const text = renderTable({
    title: 'A wire',
    columns: ['path', 'Gbit/s'],
    rows: [
      ['routing', 17.7],
      ['host-gw with rules', 4.25],
      ['udp', 'absent'],
    ],
  })
  expect(text.split('\n')).toEqual([
    'A wire',
    'path                Gbit/s',
    'routing               17.7',
    'host-gw with rules    4.25',
    'udp                 absent',
    '',
  ])
})
