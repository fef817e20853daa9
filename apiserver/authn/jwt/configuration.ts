/**
 * The file of `--authentication-config`: issuers of JSON web tokens, how their claims become users, and who may be anonymous.
 * Source: `AuthenticationConfiguration` of apiserver.config.k8s.io.
 */
import type { AnonymousOptions } from '../anonymous.ts'
import {
  booleanField,
  type ConfigObject,
  hasField,
  objectField,
  objectsField,
  openFile,
  refuseProblems,
  textField,
  textsField,
} from '../config-object.ts'

/** What an issuer signs, and what we make of it. */
export type JwtAuthenticatorConfig = {
  readonly issuer: IssuerConfig
  readonly claimValidationRules: readonly ClaimRule[]
  readonly claimMappings: ClaimMappings
  readonly userValidationRules: readonly ExpressionRule[]
}
export type IssuerConfig = {
  readonly url: string
  readonly discoveryUrl: string
  /** PEM; `''`: the authorities of the system. */
  readonly certificateAuthority: string
  readonly audiences: readonly string[]
  readonly audienceMatchPolicy: string
  readonly egressSelectorType: string
}
/** Either a claim with its required value, or an expression with the message of its failure. */
export type ClaimRule = ExpressionRule & { readonly claim: string; readonly requiredValue: string }
export type ExpressionRule = { readonly expression: string; readonly message: string }
export type ClaimMappings = {
  readonly username: PrefixedClaim
  readonly groups: PrefixedClaim
  readonly uid: Omit<PrefixedClaim, 'prefix'>
  readonly extra: readonly { readonly key: string; readonly valueExpression: string }[]
}
/** `claim` or `expression`; a claim needs a prefix, if only `''`. */
export type PrefixedClaim = { readonly claim: string; readonly prefix?: string; readonly expression: string }

export type AuthenticationConfig = {
  readonly jwt: readonly JwtAuthenticatorConfig[]
  /** Absent: the flag counts. */
  readonly anonymous?: AnonymousOptions
}

/** Reads the file; throws `ConfigFileError` for what is not its form. */
export function parseAuthenticationConfiguration(value: unknown): AuthenticationConfig {
  const file = openFile(value, 'AuthenticationConfiguration', ['v1', 'v1beta1', 'v1alpha1'], ['jwt', 'anonymous'])
  const authenticatorFields = ['issuer', 'claimValidationRules', 'claimMappings', 'userValidationRules']
  const config = {
    jwt: objectsField(file, 'jwt', authenticatorFields).map(parseAuthenticator),
    ...(hasField(file, 'anonymous') ? { anonymous: parseAnonymous(file) } : {}),
  }
  refuseProblems(file.problems)
  return config
}

function parseAnonymous(file: ConfigObject): AnonymousOptions {
  const object = objectField(file, 'anonymous', ['enabled', 'conditions'])
  const paths = objectsField(object, 'conditions', ['path']).map((condition) => textField(condition, 'path'))
  return { enabled: booleanField(object, 'enabled', false), paths }
}

function parseAuthenticator(object: ConfigObject): JwtAuthenticatorConfig {
  const ruleFields = ['claim', 'requiredValue', 'expression', 'message']
  return {
    issuer: parseIssuer(object),
    claimValidationRules: objectsField(object, 'claimValidationRules', ruleFields).map((rule) => ({
      claim: textField(rule, 'claim'),
      requiredValue: textField(rule, 'requiredValue'),
      ...expressionRule(rule),
    })),
    claimMappings: parseMappings(object),
    userValidationRules: objectsField(object, 'userValidationRules', ['expression', 'message']).map(expressionRule),
  }
}

function expressionRule(rule: ConfigObject): ExpressionRule {
  return { expression: textField(rule, 'expression'), message: textField(rule, 'message') }
}

function parseIssuer(object: ConfigObject): IssuerConfig {
  const issuer = objectField(object, 'issuer', [
    'url',
    'discoveryURL',
    'certificateAuthority',
    'audiences',
    'audienceMatchPolicy',
    'egressSelectorType',
  ])
  return {
    url: textField(issuer, 'url'),
    discoveryUrl: textField(issuer, 'discoveryURL'),
    certificateAuthority: textField(issuer, 'certificateAuthority'),
    audiences: textsField(issuer, 'audiences'),
    audienceMatchPolicy: textField(issuer, 'audienceMatchPolicy'),
    egressSelectorType: textField(issuer, 'egressSelectorType'),
  }
}

function parseMappings(object: ConfigObject): ClaimMappings {
  const mappings = objectField(object, 'claimMappings', ['username', 'groups', 'uid', 'extra'])
  return {
    username: parseClaim(mappings, 'username'),
    groups: parseClaim(mappings, 'groups'),
    uid: parseClaim(mappings, 'uid'),
    extra: objectsField(mappings, 'extra', ['key', 'valueExpression']).map((one) => ({
      key: textField(one, 'key'),
      valueExpression: textField(one, 'valueExpression'),
    })),
  }
}

function parseClaim(mappings: ConfigObject, field: string): PrefixedClaim {
  const known = field === 'uid' ? ['claim', 'expression'] : ['claim', 'prefix', 'expression']
  const claim = objectField(mappings, field, known)
  return {
    claim: textField(claim, 'claim'),
    expression: textField(claim, 'expression'),
    ...(hasField(claim, 'prefix') ? { prefix: textField(claim, 'prefix') } : {}),
  }
}
