import { expect, test } from 'vitest'
import { matchingHost, matchingPath, parentHost } from './paths.ts'

const paths: readonly (readonly [string, string | undefined])[] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/a//b', '/a/b'],
  ['//a', '/a'],
  ['/a/./b', '/a/b'],
  ['/a/../b', '/b'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/..', '/'],
  ['/a/b/..', '/a/'],
  ['/a/.', '/a/'],
  ['/.hidden', '/.hidden'],
  ['/caf%C3%A9', '/café'],
  ['/a%2Fb', '/a%2Fb'],
  ['/a%2fb', '/a%2Fb'],
  ['/%FF', '/%FF'],
  ['/..', undefined],
  ['/a/../../b', undefined],
  ['/%zz', undefined],
  ['/a%00b', undefined],
  ['*', undefined],
  ['', undefined],
]
for (const [raw, want] of paths) {
  test(`matchingPath() makes ${want} of ${raw === '' ? 'nothing' : raw}`, () => expect(matchingPath(raw)).toBe(want))
}

const hosts: readonly (readonly [string, string | undefined])[] = [
  ['Foo.Example', 'foo.example'],
  ['foo.example:8080', 'foo.example'],
  ['foo.example.', 'foo.example'],
  ['192.0.2.1:80', '192.0.2.1'],
  ['[2001:DB8::1]:80', '[2001:db8::1]'],
  ['foo example', undefined],
  ['foo/bar', undefined],
  ['foo@bar', undefined],
  ['', undefined],
]
for (const [authority, want] of hosts) {
  test(`matchingHost() makes ${want} of "${authority}"`, () => expect(matchingHost(authority)).toBe(want))
}

test('parentHost() takes one label away, and never an empty one', () => {
  expect(['bar.foo.com', 'localhost', '.foo.com'].map(parentHost)).toEqual(['foo.com', '', ''])
})
