/** The folder tree is the architecture: who may import whom (README, "Map of the folders"), and no cycles. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = dirname(import.meta.dirname)

const mayImport: Readonly<Record<string, readonly string[]>> = {
  apimachinery: [],
  api: ['apimachinery'],
  'component-base': [],
  client: ['api', 'apimachinery', 'component-base'],
  netfilter: ['component-base'],
  apiserver: ['api', 'apimachinery', 'component-base'],
  scheduler: ['client', 'api', 'apimachinery', 'component-base'],
  'controller-manager': ['client', 'api', 'apimachinery', 'component-base'],
  kubelet: ['client', 'api', 'apimachinery', 'component-base', 'netfilter'],
  flanneld: ['client', 'api', 'apimachinery', 'component-base', 'netfilter'],
  'kube-proxy': ['client', 'api', 'apimachinery', 'component-base', 'netfilter'],
  cni: ['component-base', 'netfilter'],
  dns: ['client', 'api', 'apimachinery', 'component-base'],
  ingress: ['client', 'api', 'apimachinery', 'component-base'],
  'service-lb': ['client', 'api', 'apimachinery', 'component-base'],
  deploy: ['client', 'api', 'apimachinery', 'component-base'],
  // `kubets trace` shows the rules that nodes should hold: it renders them by the pure parts of the programs that write them.
  kubets: ['client', 'api', 'apimachinery', 'component-base', 'netfilter', 'kube-proxy', 'flanneld'],
}
/** Pure libraries: of Node they may use hashing and address checks. */
const pureFolders = new Set(['apimachinery', 'api'])
const pureNodeModules = new Set(['node:crypto', 'node:net', 'node:buffer'])

type Import = { readonly file: string; readonly target: string; readonly typeOnly: boolean }

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
}

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)
  return [...statements].map(([, typeOnly, target = '']) => ({
    file,
    target: target.startsWith('.') ? normalize(join(dirname(file), target)) : target,
    typeOnly: typeOnly !== undefined,
  }))
}

const files = Object.keys(mayImport).flatMap(sourceFiles)
const isTest = (file: string): boolean => file.endsWith('.test.ts')
const imports = files.flatMap(importsOf)
const local = imports.filter(({ target }) => target.endsWith('.ts'))

test('a folder imports only the folders that the table allows; tests may also use test/', () => {
  const wrong = local.filter(({ file, target }) => {
    const from = file.split('/')[0] ?? ''
    const to = target.split('/')[0] ?? ''
    if (isTest(file) && to === 'test') return false
    if (isTest(file) && file.endsWith('.integration.test.ts')) return false
    return from !== to && mayImport[from]?.includes(to) !== true
  })
  expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([])
})

test('apimachinery and api are pure', () => {
  const wrong = imports.filter(
    ({ file, target }) =>
      pureFolders.has(file.split('/')[0] ?? '') &&
      !isTest(file) &&
      target.startsWith('node:') &&
      !pureNodeModules.has(target),
  )
  expect(wrong.map(({ file, target }) => `${file} → ${target}`)).toEqual([])
})

test('no file imports itself through others', () => {
  const edges = new Map<string, readonly string[]>()
  for (const file of files) {
    edges.set(
      file,
      local.filter((each) => each.file === file && !each.typeOnly).map(({ target }) => target),
    )
  }
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    done.add(file)
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
  }
  for (const file of files) visit(file, [])
  expect(cycles).toEqual([])
})

test('every folder has a README', () => {
  const without = Object.keys(mayImport).filter((folder) => !readdirSync(join(root, folder)).includes('README.md'))
  expect(without).toEqual([])
})

test('every import names a file that is there', () => {
  const known = new Set([...files, ...sourceFiles('test')])
  const missing = local.filter(({ target }) => !known.has(target))
  expect(missing.map(({ file, target }) => `${relative('.', file)} → ${target}`)).toEqual([])
})
