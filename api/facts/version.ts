/** Facts of version: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const version = {
  'version.Info': {
    fields: {
      buildDate: '0! string =""',
      compiler: '0! string =""',
      emulationMajor: '0 string',
      emulationMinor: '0 string',
      gitCommit: '0! string =""',
      gitTreeState: '0! string =""',
      gitVersion: '0! string =""',
      goVersion: '0! string =""',
      major: '0! string =""',
      minCompatibilityMajor: '0 string',
      minCompatibilityMinor: '0 string',
      minor: '0! string =""',
      platform: '0! string =""',
    },
  },
} as const
