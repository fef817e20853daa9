/**
 * The environment that every expression of Kubernetes 1.36 starts from, for stored and for new expressions alike: everything that
 * upstream has introduced by 1.35 (1.34 was the last version to add something). `math`, `encoders`, `bindings` and `reverse` of strings are
 * not part of it. The authorizer's functions are added by the API server, which has the authorizer.
 * Source: apiserver `pkg/cel/environment/base.go`.
 */
import { createEnvironment, type Environment } from '../environment.ts'
import type { Library } from '../library.ts'
import { cidrLibrary } from './cidr.ts'
import { formatLibrary } from './format.ts'
import { ipLibrary } from './ip.ts'
import { listExtensions } from './list-extensions.ts'
import { listLibrary } from './lists.ts'
import { quantityLibrary } from './quantity.ts'
import { regexLibrary } from './regex.ts'
import { semverLibrary } from './semver.ts'
import { setsLibrary } from './sets.ts'
import { stringLibrary } from './strings.ts'
import { twoVariableComprehensions } from './two-variable-comprehensions.ts'
import { urlLibrary } from './urls.ts'

/** What upstream has for all expressions, besides the standard library and optional values. */
export const kubernetesLibraries: readonly Library[] = [
  urlLibrary,
  regexLibrary,
  listLibrary,
  quantityLibrary,
  stringLibrary,
  setsLibrary,
  ipLibrary,
  cidrLibrary,
  formatLibrary,
  twoVariableComprehensions,
  semverLibrary,
  listExtensions,
]

const environment = createEnvironment({ libraries: kubernetesLibraries })

/** The shared base environment; extend it with variables and types. */
export function baseEnvironment(): Environment {
  return environment
}
