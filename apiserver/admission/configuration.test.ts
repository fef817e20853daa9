import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAdmissionConfig } from './configuration.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-admission-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function read(plugin: object): Promise<unknown> {
  const path = join(folder, 'admission.json')
  const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins: [plugin] }
  await writeFile(path, JSON.stringify(file))
  return await readAdmissionConfig(path)
}

const podSecurity = (more: object): object => ({
  name: 'PodSecurity',
  configuration: {
    apiVersion: 'pod-security.admission.config.k8s.io/v1',
    kind: 'PodSecurityConfiguration',
    ...more,
  },
})

describe('readAdmissionConfig()', () => {
  it('reads the defaults and exemptions of PodSecurity', async () => {
    const defaults = { enforce: 'baseline', 'enforce-version': 'v1.30', warn: 'restricted' }
    expect(await read(podSecurity({ defaults, exemptions: { namespaces: ['kube-system'] } }))).toEqual({
      podSecurity: {
        defaults: {
          enforce: { level: 'baseline', version: 'v1.30' },
          audit: { level: 'privileged', version: 'latest' },
          warn: { level: 'restricted', version: 'latest' },
        },
        exemptions: { usernames: [], namespaces: ['kube-system'], runtimeClasses: [] },
      },
    })
  })

  it.each([
    [podSecurity({ defaults: { enforce: 'strict' } }), 'defaults.enforce: Invalid value: "strict": must be one of'],
    [podSecurity({ exceptions: {} }), 'unknown field "exceptions"'],
    [{ name: 'EventRateLimit' }, 'the configuration of admission plugin "EventRateLimit" is not supported'],
  ])('refuses %o', async (plugin, problem) => {
    await expect(read(plugin)).rejects.toThrow(problem)
  })
})
