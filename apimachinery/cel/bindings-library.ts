/** `cel.bind(name, value, expression)`. Not among Kubernetes' libraries. Source: cel-go `ext/bindings.go`. */
import type { Library } from './library.ts'
import { MacroError } from './macro.ts'
import { bind } from './optional-library.ts'

/** Local variables in expressions. */
export const bindingsLibrary: Library = {
  name: 'bindings',
  functions: [],
  macros: [
    {
      name: 'bind',
      receiver: true,
      argumentCount: 3,
      expand: (context, target, [variable, value, expression]) => {
        if (target?.kind !== 'identifier' || target.name !== 'cel') return undefined
        if (variable === undefined || value === undefined || expression === undefined) return undefined
        if (variable.kind !== 'identifier') {
          throw new MacroError(variable.id, 'cel.bind() variable names must be simple identifiers')
        }
        return bind(context, variable.name, value, expression)
      },
    },
  ],
}
