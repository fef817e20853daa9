/** The flags of authentication under upstream's names. Pure. */
import { defineFlags, type FlagValues } from '../../component-base/flags.ts'
import { signingAlgorithms } from './jwt/authenticator.ts'
import { tokenReviewVersions } from './webhook-token.ts'

const text = (description: string, value = '') => ({ type: 'string', default: value, description }) as const
const list = (description: string, value: readonly string[] = []) =>
  ({ type: 'strings', default: value, description }) as const

/** What the API server takes besides the flags for certificates and service accounts. */
export const authenticationFlags = defineFlags({
  'authentication-config': text('File with an AuthenticationConfiguration: issuers of tokens, anonymous requests.'),
  'authentication-token-webhook-cache-ttl': {
    type: 'duration',
    default: 120_000,
    description: 'How long answers of the token webhook are kept.',
  },
  'authentication-token-webhook-config-file': text('Kubeconfig of the webhook that knows tokens.'),
  'authentication-token-webhook-version': text('Version of TokenReview that the webhook is asked in.', 'v1beta1'),
  'oidc-ca-file': text('Authorities of the OpenID issuer; absent: those of the system.'),
  'oidc-client-id': text('The audience of the tokens.'),
  'oidc-groups-claim': text('The claim with the groups.'),
  'oidc-groups-prefix': text('Put in front of every group.'),
  'oidc-issuer-url': text('The OpenID issuer; https only.'),
  'oidc-required-claim': list('claim=value that a token must have.'),
  'oidc-signing-algs': list('Algorithms that tokens may be signed with.', ['RS256']),
  'oidc-username-claim': text('The claim with the user name.', 'sub'),
  'oidc-username-prefix': text('Put in front of user names; "-": nothing.'),
})
export type AuthenticationFlags = FlagValues<typeof authenticationFlags>

/** What does not go together. Source: `BuiltInAuthenticationOptions.Validate`. */
export function authenticationFlagProblems(flags: AuthenticationFlags): readonly string[] {
  const isFileUsed = flags['authentication-config'] !== ''
  const isIncomplete = flags['oidc-issuer-url'] === '' || flags['oidc-client-id'] === ''
  const version = flags['authentication-token-webhook-version']
  const isWebhookUsed = flags['authentication-token-webhook-config-file'] !== ''
  return [
    ...(isFileUsed && areOidcFlagsGiven(flags)
      ? ['authentication-config file and oidc-* flags are mutually exclusive']
      : []),
    ...(!isFileUsed && areOidcFlagsGiven(flags) && isIncomplete
      ? ['oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set']
      : []),
    ...flags['oidc-signing-algs']
      .filter((algorithm) => !signingAlgorithms.includes(algorithm))
      .map((algorithm) => `oidc: unsupported signing alg: ${JSON.stringify(algorithm)}`),
    ...(isWebhookUsed && !tokenReviewVersions.includes(version)
      ? [
          `unsupported authentication webhook version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
        ]
      : []),
  ]
}

function areOidcFlagsGiven(flags: AuthenticationFlags): boolean {
  return Object.entries(authenticationFlags).some(([name, spec]) => {
    if (!name.startsWith('oidc-')) return false
    const value = Object.entries(flags).find(([flag]) => flag === name)?.[1]
    return JSON.stringify(value) !== JSON.stringify(spec.default)
  })
}
