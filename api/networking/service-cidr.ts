/** ServiceCIDR: where Services' addresses come from. Source: pkg/apis/networking/validation, `printServiceCIDR`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { lenientPrefix, validateCidr } from '../meta/ip-validation.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ServiceCIDR } from './v1.ts'

export const serviceCidrs = defineResource<ServiceCIDR>({
  facts: factsOf('networking.k8s.io', 'servicecidrs'),
  definition: 'networking.v1.ServiceCIDR',
  hasGeneration: false,
  validateName: subdomainName,
  validate: validateCidrs,
  validateUpdate: validateChange,
  columns: [nameColumn, text('CIDRs', ({ spec }) => (spec.cidrs ?? []).join(',')), ageColumn],
})

function validateCidrs({ spec }: ServiceCIDR): Causes {
  const { cidrs = [] } = spec ?? {}
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalidValue('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')]
  return [
    ...each('spec.cidrs', cidrs, (cidr, path) => validateCidr(path, cidr)),
    ...when(isOneFamily(cidrs), () =>
      invalidValue(
        'spec.cidrs',
        cidrs,
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ),
    ),
  ]
}

function isOneFamily([first = '', second = '']: readonly string[]): boolean {
  const [a, b] = [lenientPrefix(first), lenientPrefix(second)]
  return a !== undefined && b !== undefined && a.address.bytes.length === b.address.bytes.length
}

/** A range never changes; a second family may be added. */
function validateChange(serviceCidr: ServiceCIDR, old: ServiceCIDR): Causes {
  const { cidrs = [] } = serviceCidr.spec ?? {}
  const before = old.spec.cidrs ?? []
  const changed = before.flatMap((cidr, index) =>
    when(cidrs[index] !== cidr, invalidValue(`spec.cidrs[${index}]`, cidrs[index], 'field is immutable')),
  )
  if (cidrs.length === before.length) return changed
  if (before.length === 1 && cidrs.length === 2) return [...changed, ...validateCidrs(serviceCidr)]
  return [invalidValue('spec.cidrs', cidrs.length === 0 ? null : cidrs, 'field is immutable')]
}
