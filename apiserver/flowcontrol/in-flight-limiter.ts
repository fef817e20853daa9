/** Two plain limits, for reading and for changing requests: what is left when priority and fairness is off. */
import type { FlowControl, FlowSeat } from '../http/flow-control.ts'
import { OverloadedError } from '../http/flow-control.ts'

const readOnlyVerbs = new Set(['get', 'list', 'watch'])

export type InFlightLimits = {
  /** 0: no limit. */
  readonly reading: number
  readonly changing: number
}

/** At most so many requests at once; members of `system:masters` always get an answer. */
export function createInFlightLimiter(limits: InFlightLimits): FlowControl {
  const underWay = { reading: 0, changing: 0 }
  const seats: Record<keyof InFlightLimits, FlowSeat> = {
    reading: { headers: {}, finish: () => (underWay.reading -= 1) },
    changing: { headers: {}, finish: () => (underWay.changing -= 1) },
  }
  return {
    start: ({ user, info, isLongRunning }) => {
      if (isLongRunning) return undefined
      const kind = readOnlyVerbs.has(info.verb) ? 'reading' : 'changing'
      if (limits[kind] === 0) return undefined
      if (underWay[kind] >= limits[kind]) {
        if (user.groups.includes('system:masters')) return undefined
        throw new OverloadedError(1, {})
      }
      underWay[kind] += 1
      return seats[kind]
    },
  }
}
