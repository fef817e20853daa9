/** Hints that keep traffic near: `spec.trafficDistribution`. Pure. */
import type { Service } from '../../api/core/v1.ts'
import type { Endpoint } from '../../api/discovery/v1.ts'

/** Ready endpoints name the zone, or the node, whose clients should prefer them. */
export function withHints(service: Service, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const wish = service.spec.trafficDistribution
  if (wish !== 'PreferClose' && wish !== 'PreferSameZone' && wish !== 'PreferSameNode') return endpoints
  return endpoints.map((endpoint) => {
    const { zone = '', nodeName = '', conditions } = endpoint
    if (conditions.ready !== true || zone + nodeName === '') return endpoint
    const forZones = zone === '' ? {} : { forZones: [{ name: zone }] }
    const forNodes = wish === 'PreferSameNode' && nodeName !== '' ? { forNodes: [{ name: nodeName }] } : {}
    const hints = { ...forZones, ...forNodes }
    return Object.keys(hints).length === 0 ? endpoint : { ...endpoint, hints }
  })
}
