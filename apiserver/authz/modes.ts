/** The authorization modes that need nothing but the caches and a policy file. */
import type { ObjectReader } from '../registry/reader.ts'
import type { AuthorizationPlugin } from './authorizer.ts'
import { alwaysAllow, alwaysDeny } from './chain.ts'
import { createNodePlugin } from './node.ts'
import { createRbacPlugin } from './rbac.ts'

/** The modes that `--authorization-mode` and `AuthorizationConfiguration` know. Source: `authorizer/modes`. */
export const authorizationModes = ['AlwaysAllow', 'AlwaysDeny', 'ABAC', 'Webhook', 'RBAC', 'Node'] as const
export type AuthorizationMode = (typeof authorizationModes)[number]

/** Every mode but the webhooks, which have a configuration each. */
export type Modes = Readonly<Partial<Record<AuthorizationMode, AuthorizationPlugin>>>

/** `abac` is there when a policy file is. */
export function localModes(reader: ObjectReader, abac?: AuthorizationPlugin): Modes {
  return {
    AlwaysAllow: alwaysAllow,
    AlwaysDeny: alwaysDeny,
    Node: createNodePlugin(reader),
    RBAC: createRbacPlugin(reader),
    ...(abac === undefined ? {} : { ABAC: abac }),
  }
}
