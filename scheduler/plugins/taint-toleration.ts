import type { Taint, Toleration } from '../../api/core/v1.ts'
import { type Plugin, type Rejection, scaleToMax } from '../framework/plugin.ts'
import { isTolerated, untoleratedTaint } from './tolerations.ts'

const tainted: Rejection = { reasons: ['node(s) had untolerated taint(s)'], isUnresolvable: true }

/** Keeps pods off tainted nodes; prefers nodes with few `PreferNoSchedule` taints. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  isNodeLocal: true,
  filter: ({ pod }) => {
    const tolerations = pod.spec?.tolerations ?? []
    return {
      type: 'check',
      check: ({ taints }) =>
        taints.length > 0 && untoleratedTaint(taints, tolerations) !== undefined ? tainted : undefined,
    }
  },
  score: ({ pod }, _snapshot, feasible) => {
    if (!feasible.some(({ taints }) => taints.some(isPreference))) return undefined
    const tolerations = (pod.spec?.tolerations ?? []).filter(coversPreferences)
    return {
      score: ({ taints }) => taints.filter((taint) => isPreference(taint) && !isTolerated(taint, tolerations)).length,
      normalize: (scores) => scaleToMax(scores, { reverse: true }),
    }
  },
  mayHelp: ({ pod }, event) => {
    if (event.type === 'podUpdated') return true
    const isChange = event.type === 'nodeAdded' || (event.type === 'nodeUpdated' && event.changes.has('taints'))
    return isChange && untoleratedTaint(event.node.spec?.taints ?? [], pod.spec?.tolerations ?? []) === undefined
  },
}

function isPreference({ effect }: Taint): boolean {
  return effect === 'PreferNoSchedule'
}

function coversPreferences({ effect }: Toleration): boolean {
  return effect === undefined || effect === '' || effect === 'PreferNoSchedule'
}
