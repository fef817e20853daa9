/** The flags of mode ipvs and the `ipvs` part of `KubeProxyConfiguration`, with upstream's names, defaults and refusals. */
import type { JsonObject } from '../../apimachinery/json.ts'
import { defineFlags, type FlagValues } from '../../component-base/flags.ts'
import { parseSubnet } from '../../component-base/ip-address.ts'
import { booleanAt, durationAt, textAt, textsAt } from '../config-fields.ts'
import { goDuration } from '../config-validation.ts'
import { defaultIpvsSettings, type IpvsSettings } from './settings.ts'

export const ipvsFlags = defineFlags({
  'ipvs-scheduler': { type: 'string', default: '', description: 'The ipvs scheduler type when proxy mode is ipvs.' },
  'ipvs-exclude-cidrs': {
    type: 'strings',
    default: [],
    description: 'CIDRs which the ipvs proxier should not touch when cleaning up IPVS rules.',
  },
  'ipvs-strict-arp': {
    type: 'boolean',
    default: false,
    description: 'Enable strict ARP by setting arp_ignore to 1 and arp_announce to 2.',
  },
  'ipvs-min-sync-period': { type: 'duration', default: 1_000, description: 'The minimum period between resyncs.' },
  'ipvs-sync-period': { type: 'duration', default: 30_000, description: 'How often virtual servers are checked.' },
  'ipvs-tcp-timeout': {
    type: 'duration',
    default: 0,
    description: 'The timeout for idle IPVS TCP connections, 0 to leave as-is.',
  },
  'ipvs-tcpfin-timeout': {
    type: 'duration',
    default: 0,
    description: 'The timeout for IPVS TCP connections after receiving a FIN packet, 0 to leave as-is.',
  },
  'ipvs-udp-timeout': {
    type: 'duration',
    default: 0,
    description: 'The timeout for IPVS UDP packets, 0 to leave as-is.',
  },
})

type Values = FlagValues<typeof ipvsFlags>
type Pick = <T>(flag: keyof Values, fromFile: T | undefined, fromFlag: T) => T

/** Reads the settings; what is wrong with them is added to `errors`. */
export function ipvsSettingsOf(values: Values, ipvs: JsonObject, pick: Pick, errors: string[]): IpvsSettings {
  const part = 'KubeProxyConfiguration.KubeProxyIPVSConfiguration'
  const seconds = (flag: keyof Values & `${string}-timeout`, field: string, name: string): number => {
    const ms = pick(flag, durationAt(ipvs, field, errors, 'ipvs'), values[flag])
    if (ms < 0) errors.push(`${part}.${name}: Invalid value: ${goDuration(ms)}: must be greater than or equal to 0`)
    return Math.floor(ms / 1_000)
  }
  const timeouts = {
    tcp: seconds('ipvs-tcp-timeout', 'tcpTimeout', 'TCPTimeout'),
    tcpFin: seconds('ipvs-tcpfin-timeout', 'tcpFinTimeout', 'TCPFinTimeout'),
    udp: seconds('ipvs-udp-timeout', 'udpTimeout', 'UDPTimeout'),
  }
  const excludeCidrs = pick('ipvs-exclude-cidrs', textsAt(ipvs, 'excludeCIDRs'), values['ipvs-exclude-cidrs'])
  for (const [index, cidr] of excludeCidrs.entries()) {
    if (parseSubnet(cidr) !== undefined) continue
    errors.push(`${part}.ExcludeCidrs[${index}]: Invalid value: "${cidr}": must be a valid CIDR`)
  }
  const scheduler = pick('ipvs-scheduler', textAt(ipvs, 'scheduler'), values['ipvs-scheduler'])
  return {
    scheduler: scheduler === '' ? defaultIpvsSettings.scheduler : scheduler,
    excludeCidrs,
    isStrictArp: pick('ipvs-strict-arp', booleanAt(ipvs, 'strictARP'), values['ipvs-strict-arp']),
    timeouts,
  }
}
