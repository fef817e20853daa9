/** Mode ipvs: ports → virtual servers, sets, addresses and a fixed set of rules → what differs → one batch for each tool. */

import { createIpset } from '../../netfilter/ipset-command.ts'
import { createIptables } from '../../netfilter/iptables.ts'
import { createIpvs } from '../../netfilter/ipvs-command.ts'
import { Applier } from '../iptables/applier.ts'
import { withBlocks, withJumps } from '../iptables/share.ts'
import type { IptablesShare, ModeOptions, ProxyMode } from '../mode.ts'
import { IpvsApplier, type IpvsTools } from './applier.ts'
import { cleanUpIpvs } from './cleanup.ts'
import { createServiceDevice } from './device.ts'
import { applySettings, obstacleTo } from './kernel.ts'
import { createIpvsRenderings, type IpvsPlan, planIpvs } from './plan.ts'
import { chains, ipvsJumps } from './rules.ts'
import { defaultIpvsSettings } from './settings.ts'

/** Builds the mode for one address family. */
export function createIpvsMode({ family, settings, hostIps, namespace, clock, logger }: ModeOptions): ProxyMode {
  const where = namespace === undefined ? {} : { namespace }
  const ipvs = settings.ipvs ?? defaultIpvsSettings
  const tools: IpvsTools = { ipset: createIpset(where), ipvs: createIpvs(where), device: createServiceDevice(where) }
  const iptables = createIptables(family, where)
  // All chains are always wanted. Those of mode iptables refer to each other, and go together when it is cleaned up.
  const rules = new Applier(iptables, () => false)
  const renderings = createIpvsRenderings()
  let share: IptablesShare | undefined
  const applier = new IpvsApplier({
    ...{ family, tools, clock, logger, excludeCidrs: ipvs.excludeCidrs },
    prepare: async (signal) => {
      await applySettings(ipvs, { ...where, logger }, signal)
      const { tcp, tcpFin, udp } = ipvs.timeouts
      if (tcp + tcpFin + udp > 0) await tools.ipvs.setTimeouts(ipvs.timeouts, signal)
      rules.forget()
    },
    applyRules: async (plan: IpvsPlan, signal) => {
      const own = new Map([['', plan.rules]])
      if (share === undefined) return await rules.apply(own, ipvsJumps, signal)
      return await rules.apply(withBlocks(own, share.blocks), withJumps(ipvsJumps, share.jumps), signal)
    },
  })
  return {
    name: 'ipvs',
    family,
    obstacle: async (signal) => await obstacleTo(ipvs, tools, signal),
    sync: async ({ node, ports, policy }, signal) => {
      const plan = planIpvs({ node, ports, settings, ipvs, hostIps: hostIps() }, renderings)
      share = policy.iptables()
      await share.before(signal)
      const result = await applier.apply(plan, signal)
      await share.after(signal)
      return result
    },
    isDisturbed: async (signal) =>
      !(await iptables.hasChain('nat', chains.services, signal)) ||
      !(await iptables.hasChain('filter', chains.filter, signal)) ||
      (await applier.isDisturbed(signal)),
    forget: () => applier.forget(),
    cleanUp: async (next, signal) =>
      await cleanUpIpvs({ family, tools, iptables, excludeCidrs: ipvs.excludeCidrs, next }, signal),
  }
}
