import { expect, test } from 'vitest'
import { negotiateOutput, negotiateWithoutTable } from './negotiation.ts'

const table = [
  { accept: '', want: { format: 'json', transform: 'none' } },
  { accept: '*/*', want: { format: 'json', transform: 'none' } },
  { accept: 'application/yaml', want: { format: 'yaml', transform: 'none' } },
  { accept: 'application/vnd.kubernetes.protobuf,application/json', want: { format: 'protobuf', transform: 'none' } },
  {
    accept: 'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,*/*',
    want: { format: 'json', transform: 'none' },
  },
  { accept: 'application/json;q=0.1,application/yaml', want: { format: 'yaml', transform: 'none' } },
  {
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    want: { format: 'json', transform: 'Table' },
  },
  {
    accept: 'application/json;as=Table;v=v99;g=meta.k8s.io,application/json',
    want: { format: 'json', transform: 'none' },
  },
  {
    accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    want: { format: 'json', transform: 'PartialObjectMetadataList' },
  },
] as const

for (const { accept, want } of table) {
  test(`negotiateOutput() answers "${accept}" with ${want.transform} in ${want.format}`, () => {
    expect(negotiateOutput({ accept }, new URLSearchParams())).toEqual({ ...want, pretty: false, metaVersion: 'v1' })
  })
}

test('negotiateOutput() refuses what nobody speaks', () => {
  expect(() => negotiateOutput({ accept: 'text/html' }, new URLSearchParams())).toThrow(
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  )
})

test('negotiateOutput() prints pretty for people', () => {
  const curl = { 'user-agent': 'curl/8.0' }
  expect(negotiateOutput(curl, new URLSearchParams()).pretty).toBe(true)
  expect(negotiateOutput(curl, new URLSearchParams('pretty=false')).pretty).toBe(false)
  expect(negotiateOutput({}, new URLSearchParams('pretty=true')).pretty).toBe(true)
})

test('negotiateWithoutTable() takes the next choice, or refuses', () => {
  const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const query = new URLSearchParams()
  expect(negotiateWithoutTable({ accept: `${asTable},application/yaml` }, query).format).toBe('yaml')
  expect(() => negotiateWithoutTable({ accept: asTable }, query)).toThrow('only the following media types are accepted')
})
