import { expect, test } from 'vitest'
import { parseRequestInfo } from './request-info.ts'

// From upstream's TestGetAPIRequestInfo: method, URL, verb, prefix, group, version, namespace, resource, subresource, name.
const resources = [
  ['GET', '/api/v1/namespaces', 'list', '', '', 'namespaces', '', ''],
  ['GET', '/api/v1/namespaces/other', 'get', '', 'other', 'namespaces', '', 'other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'other', 'pods', '', 'foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods', 'list', '', '', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=true', 'watch', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=false', 'list', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch', 'watch', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo', 'list', '', '', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods?watch=1&fieldSelector=metadata.name%3Dfoo', 'watch', '', '', 'pods', '', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods/foo/status', 'get', '', 'other', 'pods', 'status', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods/foo/proxy/a/b', 'get', '', 'other', 'pods', 'proxy', 'foo'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '', 'other', 'namespaces', 'finalize', 'other'],
  ['PUT', '/api/v1/namespaces/other/status', 'update', '', 'other', 'namespaces', 'status', 'other'],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'other', 'pods', '', ''],
  ['PATCH', '/api/v1/namespaces/other/pods/foo', 'patch', '', 'other', 'pods', '', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', '', 'other', 'pods', '', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection', '', 'other', 'pods', '', ''],
  ['GET', '/apis/apps/v1/namespaces/other/deployments/a', 'get', 'apps', 'other', 'deployments', '', 'a'],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '', 'other', 'pods', '', ''],
] as const

for (const [method, url, verb, group, namespace, resource, subresource, name] of resources) {
  test(`parseRequestInfo() reads ${method} ${url}`, () => {
    const info = parseRequestInfo(method, url)
    expect(info).toMatchObject({
      isResourceRequest: true,
      verb,
      group,
      version: 'v1',
      namespace,
      resource,
      subresource,
      name,
    })
  })
}

for (const url of ['/', '/api', '/api/v1', '/apis', '/apis/apps', '/apis/apps/v1/', '/version', '/healthz/ping']) {
  test(`parseRequestInfo() takes ${url} for a plain path`, () => {
    expect(parseRequestInfo('GET', url)).toMatchObject({ isResourceRequest: false, verb: 'get', path: url })
  })
}

test('parseRequestInfo() decodes names and survives bad encodings', () => {
  expect(parseRequestInfo('GET', '/apis/g/v1/things/system%3Anode').name).toBe('system:node')
  expect(parseRequestInfo('GET', '/apis/g/v1/things/%zz').name).toBe('%zz')
})
