/** Mode ipvs: ports → virtual servers, sets, addresses and a fixed set of rules → what differs → few batches. */

import { createIpset } from '../../netfilter/ipset-command.ts'
import { createIptables } from '../../netfilter/iptables.ts'
import { createIpvs } from '../../netfilter/ipvs-kernel.ts'
import { Applier } from '../iptables/applier.ts'
import type { ModeOptions, ProxyMode } from '../mode.ts'
import { IpvsApplier, type IpvsTools } from './applier.ts'
import { cleanUpIpvs } from './cleanup.ts'
import { createServiceDevice } from './device.ts'
import { applySettings, obstacleTo } from './kernel.ts'
import type { IpvsPlan } from './plan.ts'
import { IpvsPlanner } from './planner.ts'
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
  const planner = new IpvsPlanner()
  const applier = new IpvsApplier({
    ...{ family, tools, clock, logger, excludeCidrs: ipvs.excludeCidrs },
    prepare: async (signal) => {
      await applySettings(ipvs, { ...where, logger }, signal)
      const { tcp, tcpFin, udp } = ipvs.timeouts
      if (tcp + tcpFin + udp > 0) await tools.ipvs.setTimeouts(ipvs.timeouts)
      rules.forget()
    },
    applyRules: async (plan: IpvsPlan, signal) => {
      return await rules.apply(new Map([['', plan.rules]]), ipvsJumps, signal)
    },
  })
  return {
    name: 'ipvs',
    family,
    obstacle: async (signal) => await obstacleTo(ipvs, tools, signal),
    sync: async ({ node, ports }, signal) =>
      await applier.apply(planner.plan({ node, ports, settings, ipvs, hostIps: hostIps() }), signal),
    isDisturbed: async (signal) =>
      !(await iptables.hasChain('nat', chains.services, signal)) ||
      !(await iptables.hasChain('filter', chains.filter, signal)) ||
      (await applier.isDisturbed(signal)),
    forget: () => applier.forget(),
    cleanUp: async (next, signal) =>
      await cleanUpIpvs({ family, tools, iptables, excludeCidrs: ipvs.excludeCidrs, next }, signal),
  }
}
