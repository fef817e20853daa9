/** The authorization modes of `--authorization-mode`, asked one after the other. */
import type { ObjectReader } from '../registry/reader.ts'
import type { Attributes, Authorizer, Decision } from './authorizer.ts'
import { createNodeAuthorizer } from './node.ts'
import { createRbacAuthorizer } from './rbac.ts'

/** The modes that `--authorization-mode` knows. */
export const authorizationModes = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const
export type AuthorizationMode = (typeof authorizationModes)[number]

const superuserGroup = 'system:masters'

/** Asks each mode in order; the first that allows or denies decides. `system:masters` may do everything. */
export function createAuthorizer(
  modes: readonly AuthorizationMode[],
  reader: ObjectReader,
): (attributes: Attributes) => Decision {
  const authorizers = modes.map((mode) => authorizerFor(mode, reader))
  return (attributes) => {
    if (attributes.user.groups.includes(superuserGroup)) return { type: 'allow', reason: '' }
    const reasons: string[] = []
    for (const authorize of authorizers) {
      const decision = authorize(attributes)
      if (decision.reason !== '') reasons.push(decision.reason)
      if (decision.type !== 'noOpinion') return { type: decision.type, reason: reasons.join('\n') }
    }
    return { type: 'noOpinion', reason: reasons.join('\n') }
  }
}

function authorizerFor(mode: AuthorizationMode, reader: ObjectReader): (attributes: Attributes) => Decision {
  switch (mode) {
    case 'Node':
      return createNodeAuthorizer(reader)
    case 'RBAC':
      return createRbacAuthorizer(reader)
    case 'AlwaysAllow':
      return () => ({ type: 'allow', reason: '' })
    case 'AlwaysDeny':
      return () => ({ type: 'noOpinion', reason: 'Everything is forbidden.' })
  }
}

/** Whether the authorizer allows it. */
export async function isAllowed(authorizer: Authorizer, attributes: Attributes): Promise<boolean> {
  return (await authorizer(attributes)).type === 'allow'
}
