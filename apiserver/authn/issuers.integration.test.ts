/** Tokens of other issuers, and webhooks that are asked who and whether: one server plays all of these parts. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { rawClient } from '../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../test/fixtures/control-plane.ts'
import { eventually } from '../../test/fixtures/process.ts'

const signer = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** What the webhooks were asked, in order. */
const asked: { path: string; spec: Readonly<Record<string, unknown>> }[] = []
let issuer = ''
let server: Server
let folder: string
let plane: TestControlPlane
let certificate = ''

/** Everything that `/tokens` knows, and everything that `/access` allows. */
const knownToken = 'known-to-the-webhook'
function review(path: string, spec: Readonly<Record<string, unknown>>): object {
  asked.push({ path, spec })
  if (path === '/tokens') {
    const user = { username: 'hooked', groups: ['hooks'], extra: { from: ['webhook'] } }
    return { status: spec['token'] === knownToken ? { authenticated: true, user } : { error: 'no such token' } }
  }
  const attributes = spec['resourceAttributes'] as Readonly<Record<string, unknown>> | undefined
  if (attributes?.['resource'] === 'secrets')
    return { status: { allowed: false, denied: true, reason: 'never secrets' } }
  return { status: { allowed: attributes?.['resource'] === 'configmaps', reason: 'said the webhook' } }
}

async function answer(request: IncomingMessage): Promise<object> {
  if (request.url === '/.well-known/openid-configuration') return { issuer, jwks_uri: `${issuer}/keys` }
  if (request.url === '/keys') return { keys: [{ ...(await exportJWK(signer.publicKey)), kid: 'k1', alg: 'RS256' }] }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = JSON.parse(Buffer.concat(chunks).toString()) as { spec: Readonly<Record<string, unknown>> }
  return { ...body, ...review(request.url ?? '', body.spec) }
}

const kubeconfig = (path: string): object => ({
  clusters: [
    { name: 'c', cluster: { server: `${issuer}${path}`, 'certificate-authority-data': inBase64(certificate) } },
  ],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  users: [{ name: 'u', user: {} }],
  'current-context': 'x',
})
const inBase64 = (text: string): string => Buffer.from(text).toString('base64')

const authentication = (usernamePrefix: string): object => ({
  kind: 'AuthenticationConfiguration',
  apiVersion: 'apiserver.config.k8s.io/v1',
  anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
  jwt: [
    {
      issuer: {
        url: issuer,
        audiences: ['kubets', 'other'],
        audienceMatchPolicy: 'MatchAny',
        certificateAuthority: certificate,
      },
      claimMappings: {
        username: { claim: 'sub', prefix: usernamePrefix },
        groups: { expression: 'claims.roles.map(role, "oidc:" + role)' },
        uid: { claim: 'uid' },
        extra: [{ key: 'example.org/tenant', valueExpression: 'claims.tenant' }],
      },
      claimValidationRules: [
        { claim: 'kind', requiredValue: 'person' },
        { expression: 'claims.exp - claims.nbf <= 86400', message: 'tokens last a day' },
      ],
      userValidationRules: [{ expression: "!user.username.startsWith('oidc:system:')", message: 'reserved' }],
    },
  ],
})

const authorization = (): object => ({
  kind: 'AuthorizationConfiguration',
  apiVersion: 'apiserver.config.k8s.io/v1',
  authorizers: [
    {
      type: 'Webhook',
      name: 'hook',
      webhook: {
        timeout: '30s',
        subjectAccessReviewVersion: 'v1',
        matchConditionSubjectAccessReviewVersion: 'v1',
        failurePolicy: 'NoOpinion',
        connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: join(folder, 'access.kubeconfig') },
        matchConditions: [{ expression: "has(request.resourceAttributes) && request.user != 'nobody'" }],
      },
    },
    { type: 'Node', name: 'node' },
    { type: 'RBAC', name: 'rbac' },
  ],
})

const write = async (name: string, content: object): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, JSON.stringify(content))
  return path
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-issuers-'))
  const pair = await selfSignedKeyPair('issuer', ['127.0.0.1', 'localhost'], Date.now())
  certificate = pair.cert
  server = createServer(pair, (request, response) => {
    void answer(request).then((body) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`
  await write('access.kubeconfig', kubeconfig('/access'))
  plane = await startControlPlane({
    flags: [
      `--authentication-config=${await write('authentication.yaml', authentication('oidc:'))}`,
      `--authentication-token-webhook-config-file=${await write('tokens.kubeconfig', kubeconfig('/tokens'))}`,
      '--authentication-token-webhook-version=v1',
      `--authorization-config=${await write('authorization.yaml', authorization())}`,
    ],
  })
})
afterAll(async () => {
  await plane?.close()
  server?.close()
  await rm(folder, { recursive: true, force: true })
})

const now = (): number => Math.floor(Date.now() / 1000)
const goodClaims = { sub: 'jane', uid: 'u1', kind: 'person', roles: ['devs'], tenant: 't1', aud: 'kubets' }

async function tokenOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return await new SignJWT({ iss: issuer, exp: now() + 600, nbf: now() - 1, ...goodClaims, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .sign(signer.privateKey)
}

async function reviewed(token: string): Promise<unknown> {
  const api = await rawClient(plane)
  const body = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token } }
  const answered = await api.send('/apis/authentication.k8s.io/v1/tokenreviews', { method: 'POST', body })
  return (answered.json as { readonly status: unknown }).status
}

describe('a token of an issuer', () => {
  it('makes a user of its claims', async () => {
    await eventually('the issuer to be discovered', async () => {
      expect(await reviewed(await tokenOf({ jti: 'id-1' }))).toMatchObject({
        authenticated: true,
        user: {
          username: 'oidc:jane',
          uid: 'u1',
          groups: ['oidc:devs', 'system:authenticated'],
          extra: { 'example.org/tenant': ['t1'], 'authentication.kubernetes.io/credential-id': ['JTI=id-1'] },
        },
      })
      return true
    })
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    [
      'of another audience',
      { aud: 'vault' },
      'oidc: verify token: oidc: expected audience in ["kubets" "other"] got ["vault"]',
    ],
    ['that has expired', { exp: 1 }, 'oidc: verify token: oidc: token is expired'],
    [
      'without a required claim',
      { kind: 'robot' },
      'oidc: required claim kind value does not match. Got = robot, want = person',
    ],
    [
      'that breaks a rule',
      { exp: now() + 1e6 },
      "validation expression 'claims.exp - claims.nbf <= 86400' failed: tokens last a day",
    ],
    ['of a user that breaks a rule', { sub: 'system:x' }, 'failed: reserved'],
    ['with a name that is no text', { sub: 5 }, 'json: cannot unmarshal number into Go value of type string'],
  ])('%s is refused', async (_, claims, reason) => {
    expect(JSON.stringify(await reviewed(await tokenOf(claims)))).toContain(JSON.stringify(reason).slice(1, -1))
  })

  it('follows the file that names the issuers', async () => {
    await write('authentication.yaml', authentication('new:'))
    await eventually('the new file', async () => {
      expect(JSON.stringify(await reviewed(await tokenOf({})))).toContain('"username":"new:jane"')
      return true
    })
    await writeFile(join(folder, 'authentication.yaml'), '{')
    expect(JSON.stringify(await reviewed(await tokenOf({})))).toContain('"username":"new:jane"')
  })
})

describe('a token that a webhook knows', () => {
  it('belongs to the user that the webhook names, and is asked about once', async () => {
    expect(await reviewed(knownToken)).toMatchObject({ authenticated: true, user: { username: 'hooked' } })
    await reviewed(knownToken)
    expect(asked.filter(({ spec }) => spec['token'] === knownToken)).toHaveLength(1)
  })

  it('is refused in the words of the webhook', async () => {
    expect(await reviewed('unknown')).toEqual({ user: {}, error: 'no such token' })
  })
})

describe('an authorization webhook', () => {
  const as = async (user: string, path: string) =>
    await rawClient(plane, await plane.authority.issue(user)).then(async (api) => await api.send(path))

  it('allows, denies, and leaves the rest to those behind it', async () => {
    expect((await as('jane', '/api/v1/namespaces/default/configmaps')).code).toBe(200)
    expect((await as('jane', '/api/v1/namespaces/default/secrets')).json).toMatchObject({
      code: 403,
      message:
        'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default": never secrets',
    })
    expect((await as('jane', '/api/v1/nodes')).code).toBe(403)
    expect((await as('jane', '/version')).code).toBe(200)
  })

  it('sees selectors, and only what its conditions match', async () => {
    await as('kim', '/api/v1/namespaces/default/configmaps?labelSelector=a+in+(b,c)&fieldSelector=metadata.name%21%3Dx')
    expect(asked.find(({ spec }) => spec['user'] === 'kim')?.spec).toEqual({
      user: 'kim',
      groups: ['system:authenticated'],
      extra: expect.anything(),
      resourceAttributes: {
        namespace: 'default',
        verb: 'list',
        version: 'v1',
        resource: 'configmaps',
        fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'NotIn', values: ['x'] }] },
        labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b', 'c'] }] },
      },
    })
    expect((await as('nobody', '/api/v1/namespaces/default/configmaps')).code).toBe(403)
    expect(asked.some(({ spec }) => spec['user'] === 'nobody')).toBe(false)
  })
})

describe('anonymous requests', () => {
  it('are let in on the paths of the file only', async () => {
    const fetchCode = async (path: string): Promise<number> => {
      const { get } = await import('node:https')
      return await new Promise((resolve, reject) => {
        get(`${plane.url}${path}`, { ca: plane.authority.cert, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        }).on('error', reject)
      })
    }
    expect(await fetchCode('/livez')).toBe(200)
    expect(await fetchCode('/healthz')).toBe(401)
  })
})
