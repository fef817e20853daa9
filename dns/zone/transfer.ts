/** All records of the cluster's zone, for a zone transfer (RFC 5936): the SOA, the rest, the SOA again. Pure. */
import type { ClusterView } from '../cluster/view.ts'
import { type ResourceRecord, types } from '../codec/record.ts'
import { answerZone, soaRecord, type ZoneConfig } from './zone.ts'

/** Everything that `answerZone` would say of Services and their endpoints. */
export function transferRecords(zone: ZoneConfig, cluster: ClusterView): readonly ResourceRecord[] {
  const soa = soaRecord(zone)
  const records = new Map<string, ResourceRecord>()
  const add = (name: string, type: number): void => {
    const { answers, additionals } = answerZone(zone, cluster, name.toLowerCase(), type)
    for (const item of [...answers.filter(({ name: owner }) => owner === name.toLowerCase()), ...additionals])
      records.set(JSON.stringify(item), item)
  }
  add(zone.domain, types.NS)
  add(`dns-version.${zone.domain}`, types.TXT)
  const services = cluster
    .services()
    .toSorted((a, b) => (`${a.name} ${a.namespace}` < `${b.name} ${b.namespace}` ? -1 : 1))
  for (const { namespace, name } of services) {
    const base = `${name}.${namespace}.svc.${zone.domain}`
    const view = cluster.service(namespace, name)
    for (const type of [types.A, types.AAAA, types.SRV, types.CNAME]) add(base, type)
    if (view === undefined || view.kind === 'externalName') continue
    const endpoints = view.kind === 'headless' ? cluster.endpoints(namespace, name) : []
    for (const { hostname } of endpoints) {
      add(`${hostname}.${base}`, types.A)
      add(`${hostname}.${base}`, types.AAAA)
    }
    const ports = view.kind === 'clusterIp' ? view.ports : endpoints.flatMap((endpoint) => endpoint.ports)
    for (const port of ports) if (port.name !== '') add(`_${port.name}._${port.protocol}.${base}`, types.SRV)
  }
  return [soa, ...records.values(), soa]
}
