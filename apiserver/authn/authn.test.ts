import { generateKeyPairSync } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { ServiceAccount } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { planToken } from '../subresources/token-request.ts'
import { createBootstrapTokenVerifier } from './bootstrap-token.ts'
import { createAuthenticator } from './chain.ts'
import { userFromHeaders } from './request-header.ts'
import { createServiceAccountVerifier } from './service-account.ts'
import { keySetDocument, parseSigningKey, parseVerificationKeys } from './service-account-keys.ts'
import { bearerToken, createStaticTokenVerifier, parseTokenFile, TokenError } from './token.ts'
import { splitServiceAccountUser, unauthorized } from './user.ts'

const never = new AbortController()
const nowMs = Date.UTC(2026, 0, 1)
const clock = { now: () => nowMs, sleep: async () => {} }

describe('bearerToken()', () => {
  it.each<[IncomingHttpHeaders, string | undefined]>([
    [{ authorization: 'Bearer abc' }, 'abc'],
    [{ authorization: ' bearer abc ' }, 'abc'],
    [{ authorization: 'bearer  abc' }, undefined],
    [{ authorization: 'Basic abc' }, undefined],
    [{ authorization: 'Bearer' }, undefined],
    [{}, undefined],
    [{ 'sec-websocket-protocol': 'v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.YWJj' }, 'abc'],
  ])('finds in %o: %s', (headers, token) => {
    expect(bearerToken(headers)).toBe(token)
  })
})

describe('parseTokenFile()', () => {
  it('reads users with quoted groups; of equal tokens the last counts', () => {
    expect([...parseTokenFile('t1,jane,u1,"a,b"\nt2,joe,u2\n\nt2,jim,u3\n,nobody,u4\n')]).toEqual([
      ['t1', { name: 'jane', uid: 'u1', groups: ['a', 'b'] }],
      ['t2', { name: 'jim', uid: 'u3', groups: [] }],
    ])
  })

  it('refuses lines that are too short', () => {
    expect(() => parseTokenFile('# a comment', 'tokens.csv')).toThrow(
      "token file 'tokens.csv' must have at least 3 columns (token, user name, user uid), found 1",
    )
  })
})

describe('splitServiceAccountUser()', () => {
  it.each([
    ['system:serviceaccount:ns:name', { namespace: 'ns', name: 'name' }],
    ['system:serviceaccount:ns', undefined],
    ['system:serviceaccount:ns:a:b', undefined],
    ['jane', undefined],
  ])('%s', (user, expected) => {
    expect(splitServiceAccountUser(user)).toEqual(expected)
  })
})

describe('userFromHeaders()', () => {
  const options = {
    cas: [],
    allowedNames: [],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  }

  it('reads user, groups and percent-encoded extra keys', () => {
    const headers = { 'x-remote-user': 'jane', 'x-remote-group': 'a, b', 'x-remote-extra-acme.com%2fproject': 'p' }
    const rawHeaders = ['X-Remote-User', 'jane', 'X-Remote-Group', 'a', 'x-remote-group', 'b']
    expect(userFromHeaders({ headers, rawHeaders }, options)).toEqual({
      name: 'jane',
      groups: ['a', 'b'],
      extra: { 'acme.com/project': ['p'] },
    })
  })

  it('knows nobody without a user header', () => {
    expect(userFromHeaders({ headers: { 'x-remote-group': 'a' } }, options)).toBeUndefined()
  })
})

const keyPem = (type: 'rsa' | 'ec'): string =>
  (type === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  ).privateKey
    .export({ type: 'pkcs8', format: 'pem' })
    .toString()

const object = (kind: string, name: string, uid: string, extra: object = {}): ApiObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'ns', uid, ...extra } }) as unknown as ApiObject

describe.each(['rsa', 'ec'] as const)('createServiceAccountVerifier() with a key of type %s', (type) => {
  const pem = keyPem(type)
  const signing = parseSigningKey(pem)
  const keys = parseVerificationKeys([pem])
  const issuer = { issuer: 'https://k', key: signing, apiAudiences: ['https://k'], extendExpiration: true }
  const account = object('ServiceAccount', 'robot', 'sa-uid') as unknown as ServiceAccount
  const pod = object('Pod', 'web-0', 'pod-uid')
  const node = object('Node', 'one', 'node-uid')

  async function sign(claims: Record<string, unknown>): Promise<string> {
    return await new SignJWT(claims).setProtectedHeader({ alg: signing.algorithm, kid: signing.id }).sign(signing.key)
  }

  function plan(spec: object, bound: object = {}) {
    const wanted = { spec: { audiences: ['https://k'], ...spec } } as unknown as Parameters<
      typeof planToken
    >[0]['wanted']
    return planToken({ wanted, account, bound, issuer, nowMs, id: 'jti' })
  }

  function verifier(objects: readonly ApiObject[], at = nowMs) {
    return createServiceAccountVerifier({
      issuers: ['https://k'],
      keys,
      apiAudiences: ['https://k'],
      readObject: async (kind, _namespace, name) =>
        objects.find((one) => one.kind === kind.facts.kind && one.metadata.name === name),
      clock: { ...clock, now: () => at },
    })
  }

  const all = [account as unknown as ApiObject, pod, node]

  it('knows the account, its groups, and the pod and node that the token is bound to', async () => {
    const found = await verifier(all)(await sign(plan({}, { pod, node }).claims), [], never)
    expect(found).toEqual({
      audiences: ['https://k'],
      user: {
        name: 'system:serviceaccount:ns:robot',
        uid: 'sa-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
        extra: {
          'authentication.kubernetes.io/credential-id': ['JTI=jti'],
          'authentication.kubernetes.io/node-name': ['one'],
          'authentication.kubernetes.io/node-uid': ['node-uid'],
          'authentication.kubernetes.io/pod-name': ['web-0'],
          'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        },
      },
    })
  })

  it.each<[string, readonly ApiObject[], string]>([
    ['the account is gone', [pod], 'serviceaccounts "robot" not found'],
    [
      'the account was made anew',
      [object('ServiceAccount', 'robot', 'other'), pod],
      'service account UID (other) does not match claim (sa-uid)',
    ],
    ['the pod is gone', [account as unknown as ApiObject], 'service account token has been invalidated'],
    [
      'the pod was made anew',
      [account as unknown as ApiObject, object('Pod', 'web-0', 'other')],
      'pod UID (other) does not match service account pod ref claim (pod-uid)',
    ],
    [
      'the pod was deleted more than a minute ago',
      [
        account as unknown as ApiObject,
        object('Pod', 'web-0', 'pod-uid', { deletionTimestamp: '2025-12-31T23:58:00Z' }),
      ],
      'service account token has been invalidated',
    ],
  ])('refuses when %s', async (_, objects, reason) => {
    const refused = verifier(objects)(await sign(plan({}, { pod }).claims), [], never)
    await expect(refused).rejects.toThrow(new TokenError(reason))
  })

  it('refuses an expired token, also one that it has verified before', async () => {
    const token = await sign(plan({ expirationSeconds: 600 }).claims)
    let at = nowMs
    const verify = createServiceAccountVerifier({
      issuers: ['https://k'],
      keys,
      apiAudiences: ['https://k'],
      readObject: async () => account as unknown as ApiObject,
      clock: { ...clock, now: () => at },
    })
    expect(await verify(token, [], never)).toBeDefined()
    at += 659_000
    expect(await verify(token, [], never)).toBeDefined()
    at += 2_000
    await expect(verify(token, [], never)).rejects.toThrow('service account token has expired')
  })

  it('refuses other audiences, other issuers, other keys and no tokens at all', async () => {
    const verify = verifier(all)
    await expect(verify(await sign(plan({ audiences: ['vault'] }).claims), [], never)).rejects.toThrow(
      'token audiences ["vault"] is invalid for the target audiences ["https://k"]',
    )
    expect(await verify(await sign(plan({ audiences: ['vault'] }).claims), ['vault'], never)).toBeDefined()
    expect(await verify(await sign({ ...plan({}).claims, iss: 'https://evil' }), [], never)).toBeUndefined()
    const other = parseSigningKey(keyPem(type))
    const forged = await new SignJWT(plan({}).claims)
      .setProtectedHeader({ alg: other.algorithm, kid: signing.id })
      .sign(other.key)
    await expect(verify(forged, [], never)).rejects.toThrow('error in cryptographic primitive')
    expect(await verify('a.b.c', [], never)).toBeUndefined()
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged.split('.')[1]}.`
    await expect(verify(unsigned, [], never)).rejects.toThrow(TokenError)
    expect(await verify(`no-header.${forged.split('.')[1]}.x`, [], never)).toBeUndefined()
  })

  it('gives mounted tokens a year, and says when to ask again', () => {
    const { claims, expirationTimestamp } = plan({ expirationSeconds: 3607 }, { pod })
    const now = nowMs / 1000
    expect(claims['exp']).toBe(now + 365 * 24 * 3600)
    expect(claims['kubernetes.io']).toMatchObject({ warnafter: now + 3607 })
    expect(expirationTimestamp).toBe('2026-01-01T01:00:07Z')
  })

  it('publishes the public key only', () => {
    const text = JSON.stringify(keySetDocument(keys))
    expect(text).toContain(`"kid":"${signing.id}"`)
    expect(text).not.toContain('"d":')
  })
})

describe('createBootstrapTokenVerifier()', () => {
  const secret = (data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  })
  const good = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:workers,system:bootstrappers:a',
  }
  const verify = async (data: Record<string, string>, token = 'abcdef.0123456789abcdef') => {
    const stored = secret(data) as unknown as ApiObject
    return await createBootstrapTokenVerifier({ get: () => stored, list: () => [stored], revision: () => 0 }, clock, [
      'api',
    ])(token, [], never)
  }

  it('knows a good token, and its groups in order', async () => {
    expect(await verify(good)).toEqual({
      audiences: ['api'],
      user: {
        name: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:workers'],
      },
    })
  })

  it.each([
    ['a wrong secret', good, 'abcdef.0123456789abcdeX'.toLowerCase().replace('x', '0')],
    ['an expired token', { ...good, expiration: '2025-01-01T00:00:00Z' }, undefined],
    ['a token for other uses', { ...good, 'usage-bootstrap-authentication': 'false' }, undefined],
    ['a group from outside of the prefix', { ...good, 'auth-extra-groups': 'system:masters' }, undefined],
    ['an end that nobody can read', { ...good, expiration: 'soon' }, undefined],
    ['no bootstrap token', good, 'abc'],
  ])('refuses %s', async (_, data, token) => {
    expect(await verify(data, token)).toBeUndefined()
  })
})

describe('createAuthenticator()', () => {
  const verifyToken = createStaticTokenVerifier(parseTokenFile('good,jane,1,devs'), ['api'])
  const request = (headers: IncomingHttpHeaders) =>
    ({ method: 'GET', url: '/', headers, connection: {} }) as unknown as Parameters<
      ReturnType<typeof createAuthenticator>
    >[0]

  it('adds system:authenticated to everyone with credentials', async () => {
    const user = await createAuthenticator({ verifyToken, anonymous: { enabled: true } })(
      request({ authorization: 'Bearer good' }),
      never,
    )
    expect(user).toEqual({ name: 'jane', uid: '1', groups: ['devs', 'system:authenticated'] })
  })

  it('makes requests without credentials anonymous, when that is allowed', async () => {
    expect(await createAuthenticator({ verifyToken, anonymous: { enabled: true } })(request({}), never)).toEqual({
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    })
    const refused = createAuthenticator({ verifyToken, anonymous: { enabled: false } })(request({}), never)
    await expect(refused).rejects.toSatisfy((error) => hasReason(error, 'Unauthorized'))
  })

  it('lets anonymous requests in only where the configuration says so', async () => {
    const authenticate = createAuthenticator({ verifyToken, anonymous: { enabled: true, paths: ['/healthz'] } })
    expect((await authenticate({ ...request({}), url: '/healthz?verbose' }, never)).name).toBe('system:anonymous')
    await expect(authenticate(request({}), never)).rejects.toThrow('Unauthorized')
  })

  it('warns of a space in front of the token, which makes it none', async () => {
    const warnings: string[] = []
    const spaced = { ...request({ authorization: 'Bearer  good' }), warn: (text: string) => warnings.push(text) }
    const user = await createAuthenticator({ verifyToken, anonymous: { enabled: true } })(spaced, never)
    expect(user.name).toBe('system:anonymous')
    expect(warnings).toEqual([
      'the provided Authorization header contains extra space before the bearer token, and is ignored',
    ])
  })

  it('never makes bad credentials anonymous', async () => {
    const refused = createAuthenticator({ verifyToken, anonymous: { enabled: true } })(
      request({ authorization: 'Bearer bad' }),
      never,
    )
    await expect(refused).rejects.toThrow('Unauthorized')
  })

  it('lets a later method know a user whom an earlier one refuses', async () => {
    const clientCert = async () => {
      throw unauthorized()
    }
    const user = await createAuthenticator({ clientCert, verifyToken, anonymous: { enabled: true } })(
      request({ authorization: 'Bearer good' }),
      never,
    )
    expect(user.name).toBe('jane')
  })
})
