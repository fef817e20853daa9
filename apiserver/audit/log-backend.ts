/** Events as lines: in a file, or on the standard output. */
import { aborted } from '../../component-base/run.ts'
import type { AuditBackend, ReportLoss } from './backend.ts'
import { type AuditEvent, encodeEvent, legacyLine } from './event.ts'

export type LogFormat = 'json' | 'legacy'
/** Where the lines go. */
export type LogOutput = { readonly write: (text: string) => void; readonly close: () => Promise<void> }

/** Writes each event as it comes. */
export function logBackend(output: LogOutput, format: LogFormat, report: ReportLoss): AuditBackend {
  const line = (event: AuditEvent): string => `${format === 'json' ? encodeEvent(event) : legacyLine(event)}\n`
  return {
    process: (events) => {
      try {
        for (const event of events) output.write(line(event))
        return true
      } catch (error) {
        report('log', events, error)
        return false
      }
    },
    run: async (signal) => {
      await aborted(signal)
      await output.close()
    },
  }
}
