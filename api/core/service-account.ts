/** ServiceAccount: who a pod is. Source: pkg/registry/core/serviceaccount/strategy.go. */
import { factsOf } from '../facts/resources.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ServiceAccount } from './v1.ts'

export const serviceAccounts = defineResource<ServiceAccount>({
  facts: factsOf('', 'serviceaccounts'),
  definition: 'core.v1.ServiceAccount',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  prepareForCreate: onlySecretNames,
  prepareForUpdate: onlySecretNames,
})

/** Secrets are of the account's own namespace: nothing but their name counts. */
function onlySecretNames(account: ServiceAccount): ServiceAccount {
  const { secrets } = account
  if (secrets === undefined) return account
  return { ...account, secrets: secrets.map(({ name }) => (name === undefined ? {} : { name })) }
}
