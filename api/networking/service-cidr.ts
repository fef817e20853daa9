/** ServiceCIDR: where Services' addresses come from. Source: pkg/apis/networking/validation, `printServiceCIDR`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isCidr } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
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
  if (cidrs.length > 2) return [invalidValue('spec', spec, 'may only hold up to 2 values')]
  const sixes = cidrs.filter((cidr) => cidr.includes(':')).length
  return [
    ...when(
      cidrs.length === 2 && sixes !== 1,
      invalidValue(
        'spec',
        spec,
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ),
    ),
    ...each('spec.cidrs', cidrs, (cidr, path) => invalidValues(path, cidr, isCidr(cidr))),
  ]
}

/** A range never changes; a second family may be added. */
function validateChange({ spec }: ServiceCIDR, old: ServiceCIDR): Causes {
  const { cidrs = [] } = spec ?? {}
  return (old.spec.cidrs ?? []).flatMap((cidr, index) =>
    when(cidrs[index] !== cidr, invalidValue(`spec.cidrs[${index}]`, cidrs[index] ?? '', 'field is immutable')),
  )
}
