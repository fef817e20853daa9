/** The `--oidc-*` flags as one authenticator. Source: `BuiltInAuthenticationOptions.ToAuthenticationConfig`. */
import type { JwtAuthenticatorConfig } from './configuration.ts'

/** The values of the flags, without `--oidc-`. */
export type OidcFlags = {
  readonly issuerUrl: string
  readonly clientId: string
  /** PEM. */
  readonly ca: string
  readonly usernameClaim: string
  readonly usernamePrefix: string
  readonly groupsClaim: string
  readonly groupsPrefix: string
  /** `claim=value`. */
  readonly requiredClaims: readonly string[]
}

/** What the flags mean; `undefined` when they name no issuer. */
export function authenticatorOfFlags(flags: OidcFlags): JwtAuthenticatorConfig | undefined {
  const { issuerUrl, clientId, groupsClaim, groupsPrefix } = flags
  if (issuerUrl === '' || clientId === '') return undefined
  const groups = groupsClaim === '' ? {} : { prefix: groupsPrefix }
  return {
    issuer: {
      url: issuerUrl,
      discoveryUrl: '',
      certificateAuthority: flags.ca,
      audiences: [clientId],
      audienceMatchPolicy: '',
      egressSelectorType: '',
    },
    claimValidationRules: flags.requiredClaims.map(requiredClaim),
    claimMappings: {
      username: { claim: flags.usernameClaim, prefix: prefixOf(flags), expression: '' },
      groups: { claim: groupsClaim, expression: '', ...groups },
      uid: { claim: '', expression: '' },
      extra: [],
    },
    userValidationRules: [],
  }
}

/** `-` is no prefix; claims that are no mail address get the issuer in front, so that issuers cannot clash. */
function prefixOf({ usernamePrefix, usernameClaim, issuerUrl }: OidcFlags): string {
  if (usernamePrefix === '-') return ''
  return usernamePrefix === '' && usernameClaim !== 'email' ? `${issuerUrl}#` : usernamePrefix
}

function requiredClaim(text: string): JwtAuthenticatorConfig['claimValidationRules'][number] {
  const equals = text.indexOf('=')
  const [claim, requiredValue] = equals === -1 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
  return { claim: claim.trim(), requiredValue: requiredValue.trim(), expression: '', message: '' }
}
