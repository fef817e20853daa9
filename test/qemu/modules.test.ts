import { expect, test } from 'vitest'
import { type KernelModule, moduleIndex, readModule, withDependencies } from './modules.ts'

const file = (...facts: readonly string[]) =>
  Buffer.from(`\x7fELF\0junk=x\0${facts.map((fact) => `${fact}\0`).join('')}\0`)
const known = (...all: readonly KernelModule[]): ReadonlyMap<string, KernelModule> =>
  new Map(all.map((each) => [each.name, each]))

test('readModule() reads names, dependencies and aliases', () => {
  const content = file('alias=ip_set_hash:ip,port', 'alias=ip_set-7', 'depends=ip_set,nf-tables', 'license=GPL')
  expect(readModule('kernel/net/ip_set_hash_ipport.ko.xz', content)).toEqual({
    name: 'ip_set_hash_ipport',
    path: 'kernel/net/ip_set_hash_ipport.ko.xz',
    depends: ['ip_set', 'nf_tables'],
    aliases: ['ip_set_hash:ip,port', 'ip_set-7'],
  })
})

test('readModule() takes an empty list of dependencies for none', () => {
  expect(readModule('a.ko', file('depends='))).toMatchObject({ depends: [], aliases: [] })
})

test('withDependencies() names a module after everything that needs it', () => {
  const modules = known(
    readModule('a.ko', file('depends=c,b')),
    readModule('b.ko', file('depends=c')),
    readModule('c.ko', file('depends=built_in')),
  )
  expect(withDependencies('a', modules).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
})

test('moduleIndex() writes what modprobe reads', () => {
  const modules = known(
    readModule('x/a.ko.xz', file('depends=b', 'alias=net-pf-1')),
    readModule('x/b.ko', file('depends=')),
  )
  expect(moduleIndex(modules)).toEqual({ dep: 'x/a.ko: x/b.ko\nx/b.ko:\n', alias: 'alias net-pf-1 a\n' })
})
