import { expect, test } from 'vitest'
import { CniError, parseArgs, parsePreviousResult, parseRequest, renderError, renderResult } from './protocol.ts'

const config = { cniVersion: '1.0.0', name: 'cbr0', type: 'bridge' }
const environment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/x',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/a:/b',
}

function failure(work: () => unknown): { code: number; message: string } {
  try {
    work()
  } catch (error) {
    if (error instanceof CniError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('did not fail')
}

test('parseRequest() reads environment and configuration', () => {
  const request = parseRequest({ ...environment, CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=web' }, JSON.stringify(config))
  expect(request).toMatchObject({ command: 'ADD', containerId: 'c1', ifname: 'eth0', path: ['/a', '/b'], config })
  expect(request.args).toEqual({ IgnoreUnknown: '1', K8S_POD_NAME: 'web' })
})

const refusals = [
  { what: 'no command', env: {}, stdin: config, code: 4, message: 'required env variables [CNI_COMMAND] missing' },
  {
    what: 'an unknown command',
    env: { CNI_COMMAND: 'FOO' },
    stdin: config,
    code: 4,
    message: 'unknown CNI_COMMAND: FOO',
  },
  {
    what: 'missing variables',
    env: { CNI_COMMAND: 'ADD', CNI_PATH: '/' },
    stdin: config,
    code: 4,
    message: 'required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing',
  },
  {
    what: 'a container id with a slash',
    env: { ...environment, CNI_CONTAINERID: '../x' },
    stdin: config,
    code: 4,
    message: 'invalid characters in containerID',
  },
  {
    what: 'a long interface name',
    env: { ...environment, CNI_IFNAME: 'a'.repeat(16) },
    stdin: config,
    code: 4,
    message: 'interface name is too long',
  },
  {
    what: 'an interface name with a slash',
    env: { ...environment, CNI_IFNAME: 'a/b' },
    stdin: config,
    code: 4,
    message: 'interface name contains / or : or whitespace characters',
  },
  {
    what: 'a configuration without name',
    env: environment,
    stdin: { ...config, name: '' },
    code: 7,
    message: 'missing network name',
  },
  {
    what: 'a network name with a slash',
    env: environment,
    stdin: { ...config, name: '../x' },
    code: 7,
    message: 'invalid characters found in network name',
  },
  {
    what: 'a version of the future',
    env: environment,
    stdin: { ...config, cniVersion: '9.0.0' },
    code: 1,
    message: 'incompatible CNI versions',
  },
  {
    what: 'CHECK before 0.4.0',
    env: { ...environment, CNI_COMMAND: 'CHECK' },
    stdin: { ...config, cniVersion: '0.3.1' },
    code: 1,
    message: 'config version does not allow CHECK',
  },
  {
    what: 'GC before 1.1.0',
    env: { ...environment, CNI_COMMAND: 'GC' },
    stdin: config,
    code: 1,
    message: 'config version does not allow GC',
  },
]
for (const { what, env, stdin, code, message } of refusals) {
  test(`parseRequest() refuses ${what}`, () => {
    expect(failure(() => parseRequest(env, JSON.stringify(stdin)))).toEqual({ code, message })
  })
}

test('parseRequest() refuses stdin that is not JSON with code 6', () => {
  expect(failure(() => parseRequest(environment, '{')).code).toBe(6)
})

test('parseArgs() refuses a pair without a name', () => expect(failure(() => parseArgs('=x')).code).toBe(4))

const result = {
  interfaces: [
    { name: 'cni0', mac: '0a:58:0a:f4:01:01', mtu: 1472 },
    { name: 'eth0', sandbox: '/run/netns/x' },
  ],
  ips: [
    { interface: 1, address: '10.244.1.2/24', gateway: '10.244.1.1' },
    { interface: 1, address: 'fd00::2/64' },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.244.1.1' }],
  dns: {},
}

test('renderResult() names the family of addresses before 1.0.0, and not after', () => {
  expect(renderResult(result, '0.3.1')['ips']).toMatchObject([{ version: '4' }, { version: '6' }])
  expect(renderResult(result, '1.0.0')['ips']).toEqual(result.ips)
})

test('renderResult() writes fields of 1.1.0 only there', () => {
  expect(renderResult(result, '1.0.0')['interfaces']).toEqual([
    { name: 'cni0', mac: '0a:58:0a:f4:01:01' },
    result.interfaces[1],
  ])
  expect(renderResult(result, '1.1.0')['interfaces']).toEqual(result.interfaces)
})

for (const version of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
  test(`parsePreviousResult() reads what renderResult() wrote in ${version}`, () => {
    const again = parsePreviousResult({ ...config, cniVersion: version, prevResult: renderResult(result, version) })
    expect(again).toMatchObject({ ips: result.ips, routes: result.routes })
  })
}

test('renderError() keeps code and details of our errors, and calls others 999', () => {
  expect(renderError(new CniError('tryAgainLater', 'wait', 'why'), '1.0.0')).toEqual({
    cniVersion: '1.0.0',
    code: 11,
    msg: 'wait',
    details: 'why',
  })
  expect(renderError(new Error('oops'), '1.0.0')).toEqual({ cniVersion: '1.0.0', code: 999, msg: 'oops' })
})
