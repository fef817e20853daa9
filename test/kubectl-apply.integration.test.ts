/** Patches, server-side apply, field validation and OpenAPI as the machine's kubectls see them. */
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startControlPlane, type TestControlPlane } from './fixtures/control-plane.ts'
import { run } from './fixtures/process.ts'

let plane: TestControlPlane
let folder: string
beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  folder = await mkdtemp(join(tmpdir(), 'kubets-apply-'))
})
afterAll(async () => {
  await plane.close()
  await rm(folder, { recursive: true, force: true })
})

/** Standard output, or the error text of a kubectl that failed. */
async function kubectl(args: readonly string[], program = 'kubectl'): Promise<string> {
  try {
    return (await run(program, [`--kubeconfig=${plane.kubeconfig}`, `--cache-dir=${folder}/cache`, ...args])).trim()
  } catch (error) {
    return String(error)
  }
}

async function manifest(name: string, spec: object, metadata: object = {}): Promise<string> {
  const path = join(folder, `${name}-${Math.random()}.json`)
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', ...metadata },
    spec,
  }
  await writeFile(path, JSON.stringify(object))
  return path
}

function spec(containers: readonly object[], more: object = {}): object {
  return {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers } },
    ...more,
  }
}

async function read(name: string, path: string): Promise<string> {
  return await kubectl(['get', 'deployment', name, '-o', `jsonpath={${path}}`, '--show-managed-fields'])
}

const web = { name: 'web', image: 'nginx:1' }

/** The kubectl of the machine and those that lie beside it. */
function kubectls(): readonly string[] {
  const found = (process.env['PATH'] ?? '')
    .split(':')
    .map((part) => join(part, 'kubectl'))
    .find((path) => existsSync(path))
  if (found === undefined) return []
  const real = dirname(realpathSync(found))
  return readdirSync(real)
    .filter((name) => /^kubectl(\.1\.\d+)?$/.test(name))
    .map((name) => join(real, name))
}

describe.each(kubectls())('%s', (program) => {
  test('explains a field', async () => {
    const text = await kubectl(['explain', 'deployment.spec.strategy'], program)
    expect(text).toContain('FIELD: strategy <DeploymentStrategy>')
    expect(text).toMatch(/rollingUpdate\s+<RollingUpdateDeployment>/)
  })

  test('applies, applies again, and applies a change', async () => {
    const name = `apply-${program.replace(/.*kubectl\.?/, '').replaceAll('.', '-')}x`
    const first = await manifest(name, spec([web]))
    expect(await kubectl(['apply', '--validate=strict', '-f', first], program)).toBe(`deployment.apps/${name} created`)
    expect(await kubectl(['apply', '-f', first], program)).toBe(`deployment.apps/${name} unchanged`)
    const second = await manifest(
      name,
      spec(
        [
          { name: 'side', image: 'busybox' },
          { ...web, image: 'nginx:2' },
        ],
        { replicas: 3 },
      ),
    )
    expect(await kubectl(['apply', '-f', second], program)).toBe(`deployment.apps/${name} configured`)
    expect(await read(name, '.spec.template.spec.containers[*].image')).toBe('busybox nginx:2')
    expect(await read(name, '.metadata.managedFields[0].manager')).toBe('kubectl-client-side-apply')
    const third = await manifest(name, spec([{ ...web, image: 'nginx:2' }]))
    expect(await kubectl(['apply', '-f', third], program)).toBe(`deployment.apps/${name} configured`)
    expect(await read(name, '.spec.template.spec.containers[*].name')).toBe('web')
    // Fields that were applied and are not any more go back to their default.
    expect(await read(name, '.spec.replicas')).toBe('1')
  })

  test('refuses unknown fields in strict mode, warns otherwise', async () => {
    const path = await manifest('strict', spec([{ ...web, imagee: 'x' }]))
    expect(await kubectl(['create', '--dry-run=server', '--validate=strict', '-f', path], program)).toContain(
      'strict decoding error: unknown field "spec.template.spec.containers[0].imagee"',
    )
  })
})

test('kubectl apply --server-side reports conflicts and can force', async () => {
  const mine = await manifest('ssa', spec([web], { replicas: 2 }))
  expect(await kubectl(['apply', '--server-side', '-f', mine])).toBe('deployment.apps/ssa serverside-applied')
  expect(await read('ssa', '.metadata.managedFields[0].operation')).toBe('Apply')
  const version = await read('ssa', '.metadata.resourceVersion')
  expect(await kubectl(['apply', '--server-side', '-f', mine])).toBe('deployment.apps/ssa serverside-applied')
  expect(await read('ssa', '.metadata.resourceVersion')).toBe(version)
  const theirs = await manifest('ssa', spec([{ ...web, image: 'nginx:9' }], { replicas: 5 }))
  const conflict = await kubectl(['apply', '--server-side', '--field-manager=other', '-f', theirs])
  expect(conflict).toContain('Apply failed with 2 conflicts: conflicts with "kubectl":')
  expect(conflict).toContain('- .spec.replicas')
  expect(conflict).toContain('- .spec.template.spec.containers[name="web"].image')
  expect(
    await kubectl(['apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', theirs]),
  ).toContain('serverside-applied')
  expect(await read('ssa', '.spec.replicas')).toBe('5')
  // The first manager gives up what it no longer applies; the other one keeps it.
  const less = await manifest('ssa', spec([{ ...web, image: 'nginx:9' }]))
  expect(await kubectl(['apply', '--server-side', '-f', less])).toContain('serverside-applied')
  expect(await read('ssa', '.spec.replicas')).toBe('5')
})

test('kubectl apply --server-side takes over an object of client-side apply', async () => {
  await kubectl(['apply', '-f', await manifest('migrate', spec([web], { replicas: 2 }))])
  const next = await manifest('migrate', spec([{ ...web, image: 'nginx:2' }]))
  expect(await kubectl(['apply', '--server-side', '-f', next])).toBe('deployment.apps/migrate serverside-applied')
  expect(await read('migrate', '.spec.template.spec.containers[0].image')).toBe('nginx:2')
  expect(await read('migrate', '.metadata.managedFields[*].manager')).not.toContain('kubectl-client-side-apply')
})

test('kubectl apply --server-side refuses what the schema does not know', async () => {
  expect(await kubectl(['apply', '--server-side', '-f', await manifest('odd', { ...spec([web]), foo: 1 })])).toContain(
    'failed to create typed patch object (default/odd; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema',
  )
})

test('kubectl patch, scale, label and edit in every form', async () => {
  await kubectl(['apply', '-f', await manifest('patched', spec([web, { name: 'b', image: 'b' }]))])
  const patch = async (type: string, body: unknown): Promise<string> =>
    await kubectl(['patch', 'deployment', 'patched', '--type', type, '-p', JSON.stringify(body)])
  expect(
    await patch('strategic', { spec: { template: { spec: { containers: [{ name: 'b', $patch: 'delete' }] } } } }),
  ).toBe('deployment.apps/patched patched')
  expect(await read('patched', '.spec.template.spec.containers[*].name')).toBe('web')
  await patch('json', [{ op: 'replace', path: '/spec/replicas', value: 4 }])
  expect(await read('patched', '.spec.replicas')).toBe('4')
  await patch('merge', { metadata: { labels: { a: 'b' } } })
  expect(await read('patched', '.metadata.labels.a')).toBe('b')
  expect(await patch('json', [{ op: 'test', path: '/spec/replicas', value: 9 }])).toContain(
    'the server rejected our request due to an error in our request',
  )
  expect(await patch('merge', { spec: { replicas: 'many' } })).toContain(
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  )
  expect(await kubectl(['label', 'deployment', 'patched', 'a-', 'c=d'])).toBe('deployment.apps/patched labeled')
  expect(await kubectl(['scale', 'deployment', 'patched', '--replicas=1'])).toBe('deployment.apps/patched scaled')
})
