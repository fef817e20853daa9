/** Hardware addresses that follow from IP addresses. Pure. */
import type { Address } from '../component-base/ip-address.ts'

/**
 * The hardware address of the holder of `address`. Because it follows from the
 * address alone, neighbours' caches stay right when an address changes hands.
 */
export function hardwareAddress({ value, bits }: Address): string {
  const low = bits === 32 ? value : value & 0xffffffffn
  const bytes = [24n, 16n, 8n, 0n].map((shift) => ((low >> shift) & 255n).toString(16).padStart(2, '0'))
  return `0a:${bits === 32 ? '58' : '59'}:${bytes.join(':')}`
}
