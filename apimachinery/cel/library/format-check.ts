/**
 * Holds literal format strings against their literal arguments before the run: `'%d'.format(['x'])` is a mistake in the source.
 * Source: cel-go `ext/formatting.go`, `stringFormatValidator`.
 */
import type { CheckedExpression, Expression } from '../ast.ts'
import { CelError } from '../errors.ts'
import type { NodeProblem } from '../library.ts'
import { type CelType, celTypes, typeName } from '../types.ts'
import { type Clause, formatProblem, interpretFormat, type Verb } from './string-format.ts'

/** What is wrong with a call of `format`; `undefined` for other nodes and for what only the run can tell. */
export function checkFormatCall(node: Expression, checked: CheckedExpression): NodeProblem | undefined {
  if (node.kind !== 'call' || node.function !== 'format' || node.target?.kind !== 'literal') return undefined
  const format = node.target.value
  const [list] = node.args
  if (typeof format !== 'string' || list?.kind !== 'list') return undefined
  return checkClauses(format, list.elements, node.id, (part) => checked.types.get(part.id) ?? celTypes.dyn)
}

type TypeOf = (node: Expression) => CelType

function checkClauses(
  format: string,
  args: readonly Expression[],
  nodeId: number,
  typeOf: TypeOf,
): NodeProblem | undefined {
  let seen = 0
  let wrong: NodeProblem | undefined
  const check = ({ verb, index }: Clause): string => {
    seen++
    const arg = args[index]
    const culprit = arg && findUnprintable(verb, arg, typeOf)
    if (culprit !== undefined) {
      wrong = { nodeId: culprit.id, message: formatProblem(verb, typeName(typeOf(culprit))) }
      throw new CelError(wrong.message)
    }
    return ''
  }
  try {
    interpretFormat(format, args.length, check, 'literal')
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    return wrong ?? { nodeId, message: error.message }
  }
  if (args.length <= seen) return undefined
  return { nodeId, message: `too many arguments supplied to string.format (expected ${seen}, got ${args.length})` }
}

const printable: Readonly<Record<Exclude<Verb, 's'>, ReadonlySet<CelType['kind']>>> = {
  d: new Set(['int', 'uint']),
  f: new Set(['double', 'string']),
  e: new Set(['double', 'string']),
  b: new Set(['int', 'uint', 'bool']),
  x: new Set(['int', 'uint', 'string', 'bytes']),
  X: new Set(['int', 'uint', 'string', 'bytes']),
  o: new Set(['int', 'uint']),
}

const unprintable: ReadonlySet<CelType['kind']> = new Set(['object', 'opaque', 'error', 'any', 'param'])

/** The argument, or a part of a list or map literal, that the verb cannot print. */
function findUnprintable(verb: Verb, node: Expression, typeOf: TypeOf): Expression | undefined {
  const { kind } = typeOf(node)
  if (verb !== 's') return kind === 'dyn' || printable[verb].has(kind) ? undefined : node
  if (unprintable.has(kind)) return node
  return partsOf(node).flatMap((part) => findUnprintable(verb, part, typeOf) ?? [])[0]
}

function partsOf(node: Expression): readonly Expression[] {
  if (node.kind === 'list') return node.elements
  return node.kind === 'map' ? node.entries.flatMap(({ key, value }) => [key, value]) : []
}
