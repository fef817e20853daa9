/** What is wrong with an authentication configuration, in upstream's words. Source: `apis/apiserver/validation`. */
import { X509Certificate } from 'node:crypto'
import { duplicate, invalidValue, required, tooMany } from '../../../apimachinery/field-errors.ts'
import { isDomainPrefixedPath } from '../../../apimachinery/names.ts'
import type { StatusCause } from '../../../apimachinery/status.ts'
import type {
  AuthenticationConfig,
  ClaimMappings,
  ClaimRule,
  ExpressionRule,
  IssuerConfig,
  JwtAuthenticatorConfig,
  PrefixedClaim,
} from './configuration.ts'

const maxAuthenticators = 64

/** All but the expressions themselves. `disallowedIssuers` are our own. */
export function authenticationCauses(
  { jwt, anonymous }: AuthenticationConfig,
  disallowedIssuers: readonly string[],
): readonly StatusCause[] {
  if (jwt.length > maxAuthenticators) return [tooMany('jwt', jwt.length, maxAuthenticators)]
  const paths = anonymous?.paths ?? []
  return [
    ...jwt.flatMap((one, index) => [
      ...authenticatorCauses(one, `jwt[${index}]`, disallowedIssuers),
      ...repeatedCauses(jwt, index),
    ]),
    ...(anonymous?.enabled === false && paths.length > 0
      ? [
          invalidValue(
            'anonymous.conditions',
            paths.map((path) => ({ path })),
            'enabled should be set to true when conditions are defined',
          ),
        ]
      : []),
  ]
}

function repeatedCauses(jwt: readonly JwtAuthenticatorConfig[], index: number): readonly StatusCause[] {
  const { url = '', discoveryUrl = '' } = jwt[index]?.issuer ?? {}
  const before = jwt.slice(0, index).map(({ issuer }) => issuer)
  const path = `jwt[${index}].issuer`
  return [
    ...(before.some((issuer) => issuer.url === url) ? [duplicate(`${path}.url`, url)] : []),
    ...(discoveryUrl !== '' && before.some((issuer) => issuer.discoveryUrl === discoveryUrl)
      ? [duplicate(`${path}.discoveryURL`, discoveryUrl)]
      : []),
  ]
}

function authenticatorCauses(
  { issuer, claimValidationRules, claimMappings, userValidationRules }: JwtAuthenticatorConfig,
  path: string,
  disallowedIssuers: readonly string[],
): readonly StatusCause[] {
  return [
    ...issuerCauses(issuer, `${path}.issuer`, disallowedIssuers),
    ...claimRuleCauses(claimValidationRules, `${path}.claimValidationRules`),
    ...mappingCauses(claimMappings, `${path}.claimMappings`),
    ...userRuleCauses(userValidationRules, `${path}.userValidationRules`),
  ]
}

function issuerCauses(issuer: IssuerConfig, path: string, disallowed: readonly string[]): readonly StatusCause[] {
  const { url, discoveryUrl, egressSelectorType } = issuer
  const trimmed = (text: string): string => text.replace(/\/+$/, '')
  const isSame = url !== '' && trimmed(url) === trimmed(discoveryUrl)
  const discovery = `${path}.discoveryURL`
  return [
    ...(url === '' ? [required(`${path}.url`)] : urlCauses(url, `${path}.url`, disallowed)),
    ...(discoveryUrl === ''
      ? []
      : [
          ...(isSame ? [invalidValue(discovery, discoveryUrl, 'discoveryURL must be different from URL')] : []),
          ...urlCauses(discoveryUrl, discovery, []),
        ]),
    ...audienceCauses(issuer, path),
    ...certificateCauses(issuer.certificateAuthority, `${path}.certificateAuthority`),
    ...(['', 'controlplane', 'cluster'].includes(egressSelectorType)
      ? []
      : [
          invalidValue(
            `${path}.egressSelectorType`,
            egressSelectorType,
            'egress selector must be either controlplane or cluster',
          ),
        ]),
  ]
}

function urlCauses(text: string, field: string, disallowed: readonly string[]): readonly StatusCause[] {
  const cause = (detail: string): StatusCause => invalidValue(field, text, detail)
  const own = disallowed.toSorted().join(' ')
  const overlap = disallowed.includes(text) ? [cause(`URL must not overlap with disallowed issuers: [${own}]`)] : []
  const [, scheme = '', rest = ''] = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s.exec(text) ?? []
  const [beforeFragment = '', ...fragment] = rest.split('#')
  const [beforeQuery = '', ...query] = beforeFragment.split('?')
  const authority = /^\/\/([^/]*)/.exec(beforeQuery)?.[1] ?? ''
  return [
    ...overlap,
    ...(scheme.toLowerCase() === 'https' ? [] : [cause('URL scheme must be https')]),
    ...(authority.includes('@') ? [cause('URL must not contain a username or password')] : []),
    ...(query.join('') === '' ? [] : [cause('URL must not contain a query')]),
    ...(fragment.join('') === '' ? [] : [cause('URL must not contain a fragment')]),
  ]
}

function audienceCauses({ audiences, audienceMatchPolicy }: IssuerConfig, path: string): readonly StatusCause[] {
  const field = `${path}.audiences`
  const policyField = `${path}.audienceMatchPolicy`
  if (audiences.length === 0) return [required(field, `at least one ${field} is required`)]
  const isWrong = audienceMatchPolicy !== 'MatchAny' && (audiences.length > 1 || audienceMatchPolicy !== '')
  const detail =
    audiences.length > 1
      ? 'audienceMatchPolicy must be MatchAny for multiple audiences'
      : 'audienceMatchPolicy must be empty or MatchAny for single audience'
  return [
    ...audiences.flatMap((audience, index) => [
      ...(audience === '' ? [required(`${field}[${index}]`)] : []),
      ...(audiences.indexOf(audience) < index ? [duplicate(`${field}[${index}]`, audience)] : []),
    ]),
    ...(isWrong ? [invalidValue(policyField, audienceMatchPolicy, detail)] : []),
  ]
}

function certificateCauses(pem: string, field: string): readonly StatusCause[] {
  if (pem === '') return []
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  const detail = 'data does not contain any valid RSA or ECDSA certificates'
  if (blocks.length === 0) return [invalidValue(field, '<omitted>', detail)]
  try {
    for (const block of blocks) new X509Certificate(block)
    return []
  } catch {
    return [invalidValue(field, '<omitted>', detail)]
  }
}

function claimRuleCauses(rules: readonly ClaimRule[], path: string): readonly StatusCause[] {
  return rules.flatMap(({ claim, requiredValue, expression, message }, index) => {
    const field = `${path}[${index}]`
    const before = rules.slice(0, index)
    if (claim !== '' && expression !== '') {
      return [invalidValue(field, claim, "claim and expression can't both be set")]
    }
    if (claim !== '') {
      return [
        ...(message === ''
          ? []
          : [invalidValue(`${field}.message`, message, 'may not be specified when claim is set')]),
        ...(before.some((one) => one.claim === claim) ? [duplicate(`${field}.claim`, claim)] : []),
      ]
    }
    if (expression === '') return [required(field, 'claim or expression is required')]
    const detail = 'may not be specified when expression is set'
    return [
      ...(requiredValue === '' ? [] : [invalidValue(`${field}.requiredValue`, requiredValue, detail)]),
      ...(before.some((one) => one.expression === expression) ? [duplicate(`${field}.expression`, expression)] : []),
    ]
  })
}

function mappingCauses({ username, groups, uid, extra }: ClaimMappings, path: string): readonly StatusCause[] {
  const both = uid.claim !== '' && uid.expression !== ''
  return [
    ...claimCauses(username, `${path}.username`, true),
    ...claimCauses(groups, `${path}.groups`, false),
    ...(both ? [invalidValue(`${path}.uid`, '', "claim and expression can't both be set")] : []),
    ...extraCauses(extra, `${path}.extra`),
  ]
}

function claimCauses(
  { claim, prefix, expression }: PrefixedClaim,
  field: string,
  needed: boolean,
): readonly StatusCause[] {
  if (claim !== '' && expression !== '') return [invalidValue(field, '', "claim and expression can't both be set")]
  if (expression !== '') {
    const detail = 'may not be specified when expression is set'
    return prefix === undefined ? [] : [invalidValue(`${field}.prefix`, prefix, detail)]
  }
  if (claim === '') return needed ? [required(field, 'claim or expression is required')] : []
  const detail = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'
  return prefix === undefined ? [required(`${field}.prefix`, detail)] : []
}

const reservedDomains = ['kubernetes.io', 'k8s.io']

function extraCauses(extra: ClaimMappings['extra'], path: string): readonly StatusCause[] {
  return extra.flatMap(({ key, valueExpression }, index) => {
    const field = `${path}[${index}].key`
    const [domain = ''] = key.includes('/') ? key.split('/') : []
    const isReserved = reservedDomains.some((one) => domain === one || domain.endsWith(`.${one}`))
    const reserved = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'
    const problems = [
      ...(key === '' ? [required(field)] : isDomainPrefixedPath(key).map((text) => invalidValue(field, key, text))),
      ...(key === key.toLowerCase() ? [] : [invalidValue(field, key, 'must be lowercase')]),
      ...(isReserved ? [invalidValue(field, key, reserved)] : []),
    ]
    if (extra.slice(0, index).some((one) => one.key === key)) return [...problems, duplicate(field, key)]
    return valueExpression === '' ? [...problems, required(`${path}[${index}].valueExpression`)] : problems
  })
}

function userRuleCauses(rules: readonly ExpressionRule[], path: string): readonly StatusCause[] {
  return rules.flatMap(({ expression }, index) => {
    const field = `${path}[${index}].expression`
    if (expression === '') return [required(field)]
    return rules.slice(0, index).some((one) => one.expression === expression) ? [duplicate(field, expression)] : []
  })
}
