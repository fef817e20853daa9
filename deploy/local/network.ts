/**
 * The machine's part of the network: one bridge with an address, and per node a network namespace with one link to it.
 * Removing the bridge and the namespaces removes every route and rule that belongs to the cluster.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { ExecError, run } from '../../component-base/exec.ts'
import { bridge, type FamilyAddresses, type NodeLayout, runDir } from './layout.ts'

const forwardFile = '/proc/sys/net/ipv4/ip_forward'
/** Says that forwarding was off before us. */
const forwardWasOffFile = `${runDir}/ip-forward-was-off`

/** Makes the bridge. Safe to repeat. */
export async function makeBridge(families: readonly FamilyAddresses[], signal: AbortSignal): Promise<void> {
  await tolerate('File exists', run('ip', ['link', 'add', bridge, 'type', 'bridge'], { signal }))
  for (const { host, prefix, family } of families) {
    await tolerate(
      'already assigned|File exists',
      run('ip', ['address', 'add', `${host}/${prefix}`, 'dev', bridge, ...ownAlone(family)], { signal }),
    )
  }
  await run('ip', ['link', 'set', bridge, 'up'], { signal })
}

/** Nobody else has our addresses: duplicates need not be looked for, which would take a second. */
function ownAlone(family: FamilyAddresses['family']): readonly string[] {
  return family === 'IPv6' ? ['nodad'] : []
}

/**
 * Lets nodes reach what the machine reaches over IPv4, through a table of our own, so that images can be pulled.
 * The machine's own tables are not touched. A Service address that a node has no rule for must not leave the
 * cluster. Pod addresses may pass: with br_netfilter this table sees what goes from node to node over the bridge, too.
 * Nothing outside is reached over IPv6: a machine that forwards it no longer listens to its routers' advertisements.
 */
export async function makeEgress(families: readonly FamilyAddresses[], signal: AbortSignal): Promise<void> {
  const ipv4 = families.find(({ family }) => family === 'IPv4')
  const { stdout } = await run('ip', ['-4', 'route', 'show', 'default'], { signal })
  if (ipv4 === undefined || stdout.trim() === '') return
  const script = `add table ip kubets
delete table ip kubets
table ip kubets {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${ipv4.nodeNetwork} oifname != "${bridge}" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" ip daddr ${ipv4.services} reject
  }
}
`
  await run('nft', ['-f', '-'], { input: script, signal })
  if ((await readFile(forwardFile, 'utf8')).trim() === '0') {
    await writeFile(forwardWasOffFile, '')
    await writeFile(forwardFile, '1')
  }
}

/** Makes a node's network namespace and its link to the bridge. Safe to repeat. */
export async function makeNodeNetwork(
  node: NodeLayout,
  families: readonly FamilyAddresses[],
  signal: AbortSignal,
): Promise<void> {
  await tolerate('File exists', run('ip', ['netns', 'add', node.netns], { signal }))
  const inNode = ['-netns', node.netns]
  const peer = ['peer', 'name', 'eth0', 'netns', node.netns]
  await tolerate('File exists', run('ip', ['link', 'add', node.link, 'type', 'veth', ...peer], { signal }))
  await run('ip', ['link', 'set', node.link, 'master', bridge, 'up'], { signal })
  for (const [index, { prefix, family }] of families.entries()) {
    const address = ['address', 'add', `${node.addresses[index]}/${prefix}`, 'dev', 'eth0', ...ownAlone(family)]
    await tolerate('already assigned|File exists', run('ip', [...inNode, ...address], { signal }))
  }
  await run('ip', [...inNode, 'link', 'set', 'lo', 'up'], { signal })
  await run('ip', [...inNode, 'link', 'set', 'eth0', 'up'], { signal })
  for (const { host, family } of families) {
    const which = family === 'IPv6' ? '-6' : '-4'
    await run('ip', [which, ...inNode, 'route', 'replace', 'default', 'via', host, 'dev', 'eth0'], { signal })
  }
}

/** Lets the API server reach a node's pods (proxy, webhooks): the route goes with the bridge. */
export async function routeToPods(node: NodeLayout, podCidr: string, signal: AbortSignal): Promise<void> {
  const isIpv6 = podCidr.includes(':')
  const via = node.addresses.find((address) => address.includes(':') === isIpv6)
  if (via === undefined) return
  await run('ip', [isIpv6 ? '-6' : '-4', 'route', 'replace', podCidr, 'via', via, 'dev', bridge], { signal })
}

/** Removes everything; what is not there is no error. */
export async function removeNetwork(nodes: readonly NodeLayout[], signal: AbortSignal): Promise<void> {
  for (const node of nodes) {
    await tolerate('Cannot find device', run('ip', ['link', 'delete', node.link], { signal }))
    await tolerate('No such file', run('ip', ['netns', 'delete', node.netns], { signal }))
  }
  await tolerate('Cannot find device', run('ip', ['link', 'delete', bridge], { signal }))
  await tolerate('No such file|not found', run('nft', ['delete', 'table', 'ip', 'kubets'], { signal }))
  const wasOff = await readFile(forwardWasOffFile).then(
    () => true,
    () => false,
  )
  if (wasOff) await writeFile(forwardFile, '0')
}

/** Awaits a command whose failure with this text means that there is nothing to do. */
export async function tolerate(pattern: string, command: Promise<unknown>): Promise<void> {
  try {
    await command
  } catch (error) {
    if (error instanceof ExecError && new RegExp(pattern).test(error.stderr)) return
    throw error
  }
}
