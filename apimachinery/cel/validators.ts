/**
 * What Kubernetes asks of an expression beyond its types: literals of durations, times and patterns must be good, and a list or map
 * literal holds one type. Source: apiserver `pkg/cel/environment/base.go`, cel-go `cel/validator.go`.
 */
import type { CallExpression, CheckedExpression, Expression } from './ast.ts'
import { insideOptional, sameType } from './checker-types.ts'
import { toDuration, toTimestamp } from './convert.ts'
import type { Environment } from './environment.ts'
import { CelError } from './errors.ts'
import type { Issue } from './issues.ts'
import type { NodeProblem } from './library.ts'
import { compilePattern } from './patterns.ts'
import { type CelType, celTypes, formatType } from './types.ts'
import type { CelValue } from './values.ts'

/** Issues of a checked expression. */
export function validate(environment: Environment, checked: CheckedExpression): readonly Issue[] {
  const nodes = visit(checked.expression, false)
  const report = (id: number, message: string): Issue => ({ offset: checked.offsets.get(id) ?? -1, message })
  return [
    ...literalIssues(nodes, 'duration', toDuration, report),
    ...literalIssues(nodes, 'timestamp', toTimestamp, report),
    ...literalIssues(nodes, 'matches', (value) => compilePattern(String(value)), report),
    ...(environment.mixedLiterals ? [] : mixedIssues(nodes, checked, report)),
    ...environment.checks.flatMap((check) => nodes.flatMap(({ node }) => problemIssue(check(node, checked), report))),
  ]
}

function problemIssue(problem: NodeProblem | undefined, report: Report): readonly Issue[] {
  return problem === undefined ? [] : [report(problem.nodeId, problem.message)]
}

type Visited = { readonly node: Expression; readonly exempt: boolean }
type Report = (id: number, message: string) => Issue

/** All nodes; `exempt` below `format`, whose arguments may be of many types. */
function visit(root: Expression, exempt: boolean): readonly Visited[] {
  const found: Visited[] = []
  const walk = (node: Expression, exemptHere: boolean): void => {
    found.push({ node, exempt: exemptHere })
    const below = exemptHere || (node.kind === 'call' && node.function === 'format')
    for (const part of partsOf(node)) walk(part, below)
  }
  walk(root, exempt)
  return found
}

function partsOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'literal':
    case 'identifier':
      return []
    case 'select':
      return [node.operand]
    case 'call':
      return node.target === undefined ? node.args : [node.target, ...node.args]
    case 'list':
      return node.elements
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value])
    case 'struct':
      return node.fields.map((field) => field.value)
    case 'comprehension':
      return [node.range, node.initial, node.condition, node.step, node.result]
  }
}

function literalIssues(
  nodes: readonly Visited[],
  name: string,
  read: (value: CelValue) => unknown,
  report: Report,
): readonly Issue[] {
  const calls = nodes.map(({ node }) => node).filter((node): node is CallExpression => node.kind === 'call')
  return calls
    .filter((call) => call.function === name)
    .flatMap(({ args: [first] }) =>
      first?.kind === 'literal' && !isGood(first.value, read) ? [report(first.id, `invalid ${name} argument`)] : [],
    )
}

function isGood(value: CelValue, read: (value: CelValue) => unknown): boolean {
  try {
    read(value)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

function mixedIssues(nodes: readonly Visited[], checked: CheckedExpression, report: Report): readonly Issue[] {
  const typeOf = (node: Expression, optional: boolean): CelType => {
    const type = checked.types.get(node.id) ?? celTypes.dyn
    return optional ? (insideOptional(type) ?? celTypes.dyn) : type
  }
  const complain = (node: Expression, expected: CelType, found: CelType): Issue =>
    report(node.id, `expected type '${formatType(expected)}' but found '${formatType(found)}'`)
  const issues: Issue[] = []
  for (const { node } of nodes.filter((visited) => !visited.exempt)) {
    if (node.kind === 'list') {
      const types = node.elements.map((element, i) => typeOf(element, node.optionalIndices.includes(i)))
      issues.push(...firstMismatch(node.elements, types, complain))
    } else if (node.kind === 'map') {
      const keys = node.entries.map((entry) => entry.key)
      const values = node.entries.map((entry) => entry.value)
      issues.push(
        ...mismatches(
          keys,
          keys.map((key) => typeOf(key, false)),
          complain,
        ),
        ...mismatches(
          values,
          node.entries.map((entry) => typeOf(entry.value, entry.optional)),
          complain,
        ),
      )
    }
  }
  return issues
}

type Complain = (node: Expression, expected: CelType, found: CelType) => Issue

function mismatches(nodes: readonly Expression[], types: readonly CelType[], complain: Complain): readonly Issue[] {
  const [expected] = types
  if (expected === undefined) return []
  return nodes.flatMap((node, i) => {
    const found = types[i] ?? expected
    return sameType(expected, found) ? [] : [complain(node, expected, found)]
  })
}

function firstMismatch(nodes: readonly Expression[], types: readonly CelType[], complain: Complain): readonly Issue[] {
  return mismatches(nodes, types, complain).slice(0, 1)
}
