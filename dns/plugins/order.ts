/** The directives that there are, in the order in which a question meets them: CoreDNS' own (`core/dnsserver/zdirectives.go`). */
import { acl } from './acl.ts'
import { autopath } from './autopath.ts'
import { cache } from './cache.ts'
import { file } from './file.ts'
import { forward } from './forward.ts'
import { hosts } from './hosts.ts'
import { kubernetes } from './kubernetes.ts'
import { errors, log } from './log.ts'
import type { Setup } from './plugin.ts'
import { rewrite } from './rewrite.ts'
import {
  accepted,
  any,
  bind,
  bufsize,
  chaos,
  health,
  loadbalance,
  local,
  loop,
  minimal,
  nsid,
  prometheus,
  ready,
  reload,
  transfer,
  whoami,
} from './small.ts'
import { template } from './template.ts'

/** Names with how to set them up; `undefined` for plugins of CoreDNS that this server has not. */
export const directives: readonly (readonly [name: string, setup: Setup | undefined])[] = [
  ['root', undefined],
  ['metadata', accepted],
  ['geoip', undefined],
  ['cancel', accepted],
  ['proxyproto', undefined],
  ['quic', undefined],
  ['grpc_server', undefined],
  ['https', undefined],
  ['https3', undefined],
  ['timeouts', accepted],
  ['multisocket', accepted],
  ['reload', reload],
  ['nsid', nsid],
  ['bufsize', bufsize],
  ['bind', bind],
  ['debug', accepted],
  ['trace', undefined],
  ['ready', ready],
  ['health', health],
  ['pprof', undefined],
  ['shed', undefined],
  ['prometheus', prometheus],
  ['errors', errors],
  ['log', log],
  ['dnstap', undefined],
  ['local', local],
  ['dns64', undefined],
  ['any', any],
  ['chaos', chaos],
  ['loadbalance', loadbalance],
  ['tsig', undefined],
  ['rewrite', rewrite],
  ['autopath', autopath],
  ['acl', acl],
  ['cache', cache],
  ['header', undefined],
  ['dnssec', undefined],
  ['tls', undefined],
  ['minimal', minimal],
  ['template', template],
  ['transfer', transfer],
  ['hosts', hosts],
  ['route53', undefined],
  ['azure', undefined],
  ['clouddns', undefined],
  ['k8s_external', undefined],
  ['kubernetes', kubernetes],
  ['file', file],
  ['auto', undefined],
  ['secondary', undefined],
  ['etcd', undefined],
  ['loop', loop],
  ['forward', forward],
  ['grpc', undefined],
  ['erratic', undefined],
  ['whoami', whoami],
  ['on', undefined],
  ['sign', undefined],
  ['view', undefined],
  ['nomad', undefined],
]

const names: ReadonlySet<string> = new Set(directives.map(([name]) => name))

/** Whether CoreDNS knows a directive. */
export function isDirective(name: string): boolean {
  return names.has(name)
}
