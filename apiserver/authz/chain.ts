/** Authorizers asked one after the other: the first that allows or denies decides. Source: upstream's `union`. */
import { joinErrors } from '../authn/join-errors.ts'
import { superuserGroup } from '../authn/user.ts'
import type { Attributes, AuthorizationPlugin, Authorizer, Decision, UserRules } from './authorizer.ts'

/** `system:masters` may do everything; everyone else is asked about. */
export function createAuthorizer(plugins: readonly AuthorizationPlugin[]): AuthorizationPlugin {
  const authorizers = plugins.map(({ authorize }) => authorize)
  return {
    authorize: (attributes) => {
      if (attributes.user.groups.includes(superuserGroup)) return { type: 'allow', reason: '' }
      return askFrom(authorizers, 0, attributes, [])
    },
    rulesFor: (user, namespace) => joinRules(plugins.map(({ rulesFor }) => rulesFor(user, namespace))),
  }
}

/** Stays synchronous until an authorizer has to wait. */
function askFrom(
  authorizers: readonly Authorizer[],
  start: number,
  attributes: Attributes,
  before: readonly Decision[],
): Decision | Promise<Decision> {
  const given = [...before]
  for (let at = start; at < authorizers.length; at++) {
    const decision = authorizers[at]?.(attributes)
    if (decision === undefined) continue
    if (decision instanceof Promise) {
      return decision.then((late) =>
        isFinal(late) ? late : askFrom(authorizers, at + 1, attributes, [...given, late]),
      )
    }
    if (isFinal(decision)) return decision
    given.push(decision)
  }
  const reasons = given.flatMap(({ reason }) => (reason === '' ? [] : [reason]))
  const errors = given.flatMap(({ error }) => error ?? [])
  return {
    type: 'noOpinion',
    reason: reasons.join('\n'),
    ...(errors.length === 0 ? {} : { error: joinErrors(errors) }),
  }
}

function isFinal({ type }: Decision): boolean {
  return type !== 'noOpinion'
}

function joinRules(all: readonly UserRules[]): UserRules {
  return {
    rules: all.flatMap(({ rules }) => rules),
    incomplete: all.some(({ incomplete }) => incomplete),
    errors: all.flatMap(({ errors }) => errors),
  }
}

const everything = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** `AlwaysAllow`. */
export const alwaysAllow: AuthorizationPlugin = {
  authorize: () => ({ type: 'allow', reason: '' }),
  rulesFor: () => ({ rules: everything, incomplete: false, errors: [] }),
}

/** `AlwaysDeny`. */
export const alwaysDeny: AuthorizationPlugin = {
  authorize: () => ({ type: 'noOpinion', reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [], incomplete: false, errors: [] }),
}

/** Whether the authorizer allows it. */
export async function isAllowed(authorizer: Authorizer, attributes: Attributes): Promise<boolean> {
  return (await authorizer(attributes)).type === 'allow'
}
