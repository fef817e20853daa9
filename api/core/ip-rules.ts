/** Addresses that endpoints may not have. Source: `ValidateNonSpecialIP`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { type Causes, when } from '../meta/causes.ts'

/** Neither unspecified nor loopback nor link-local. */
export function validateSpecialIp(ip: string, field: string): Causes {
  const four = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip
  const lower = four.toLowerCase()
  return [
    ...when(four === '0.0.0.0' || lower === '::', () => invalidValue(field, ip, `may not be unspecified (${ip})`)),
    ...when(four.startsWith('127.') || lower === '::1', () =>
      invalidValue(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'),
    ),
    ...when(four.startsWith('169.254.') || /^fe[89ab]/.test(lower), () =>
      invalidValue(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'),
    ),
    ...when(four.startsWith('224.0.0.') || lower.startsWith('ff02:'), () =>
      invalidValue(field, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'),
    ),
  ]
}
