/** `cel.bind(name, value, expression)`: a name for a value within one expression. Source: cel-go `ext/bindings.go`. */
import type { Library } from '../library.ts'
import { MacroError } from '../macro.ts'

/** No source can spell it. */
const unused = '#unused'

/** The library. */
export const bindingsLibrary: Library = {
  name: 'cel.lib.ext.cel.bindings',
  functions: [],
  macros: [
    {
      name: 'bind',
      receiver: true,
      argumentCount: 3,
      expand: (context, target, [name, value, result]) => {
        if (target?.kind !== 'identifier' || target.name !== 'cel') return undefined
        if (name === undefined || value === undefined || result === undefined) return undefined
        if (name.kind !== 'identifier') {
          throw new MacroError(name.id, 'cel.bind() variable names must be simple identifiers')
        }
        // A loop over nothing, whose result is the expression and whose accumulator is the name.
        return context.comprehension({
          range: context.list(),
          variable: unused,
          accumulator: name.name,
          initial: value,
          condition: context.literal(false),
          step: context.identifier(name.name),
          result,
        })
      },
    },
  ],
}
