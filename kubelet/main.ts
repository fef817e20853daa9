/** `kubelet`: makes the pods of one node run and reports on them. */
import { readFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { readConfigFile } from '../component-base/config-file.ts'
import { runMain } from '../component-base/main.ts'
import { parseConfig, usesSwap } from './config.ts'
import { kubeletFlags } from './flags.ts'
import { runKubelet } from './kubelet.ts'

await runMain({
  name: 'kubelet',
  purpose: 'The kubelet is the agent of a node: it makes the pods that are bound to the node run, and reports on them.',
  flags: kubeletFlags,
  work: async ({ flags, given, logger }, signal) => {
    const file = flags.config === '' ? undefined : await readConfigFile(flags.config)
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, address }) => !internal && !isLinkLocal(address))
      .map(({ address }) => address)
    const config = parseConfig(flags, given, file, { hostName: hostname(), addresses })
    if (config.ignoredFields.length > 0) {
      logger.info('Configuration fields without effect here', { fields: config.ignoredFields })
    }
    if (config.failSwapOn && usesSwap(await readFile('/proc/swaps', 'utf8').catch(() => ''))) {
      throw new Error('running with swap on is not supported, please disable swap or set --fail-swap-on flag to false')
    }
    logger.info('Started', { node: config.nodeName, runtime: config.containerRuntimeEndpoint })
    await runKubelet(config, logger, signal)
  },
})

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/.test(address)
}
