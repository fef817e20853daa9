/** Every subresource and virtual resource. */
import type { TokenVerifier } from '../authn/token.ts'
import type { RuleResolver } from '../authz/authorizer.ts'
import { accessReviewHandlers } from './access-reviews.ts'
import { bindingHandlers } from './binding.ts'
import { evictionHandler } from './eviction.ts'
import { identityReviewHandlers } from './identity-reviews.ts'
import type { KubeletClientOptions } from './kubelet-client.ts'
import { partialUpdateHandlers } from './partial-update.ts'
import { podLogHandler } from './pod-log.ts'
import { podStreamHandlers } from './pod-streams.ts'
import { proxyHandlers } from './proxy.ts'
import { scaleHandlers } from './scale.ts'
import type { SubresourceHandler } from './subresource.ts'
import { type TokenIssuer, tokenRequestHandler } from './token-request.ts'

export type SubresourceOptions = {
  /** As it is now: certificates may be renewed. */
  readonly kubelet: () => KubeletClientOptions
  readonly verifyToken: TokenVerifier
  readonly rulesFor: RuleResolver
  readonly random: () => number
  /** Absent without a signing key: then there are no token requests. */
  readonly tokenIssuer?: TokenIssuer
}

/** The handlers, one per path and kind. */
export function subresourceHandlers(options: SubresourceOptions): readonly SubresourceHandler[] {
  const { kubelet, verifyToken, rulesFor, tokenIssuer, random } = options
  return [
    ...bindingHandlers,
    evictionHandler,
    ...scaleHandlers,
    ...partialUpdateHandlers,
    podLogHandler(kubelet),
    ...podStreamHandlers(kubelet),
    ...proxyHandlers({ kubelet, random }),
    ...accessReviewHandlers(rulesFor),
    ...identityReviewHandlers(verifyToken),
    ...(tokenIssuer === undefined ? [] : [tokenRequestHandler(tokenIssuer)]),
  ]
}
