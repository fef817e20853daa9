import { expect, test } from 'vitest'
import { createPolicyCompiler, plainCompiler, resultTypes } from './compiler.ts'

const all = { params: true, authorizer: true }

test.each([
  ['object.metadata.name == "x"', undefined],
  ['request.userInfo.username == "x" && has(object.spec)', undefined],
  ['authorizer.group("").resource("pods").namespace("x").check("create").allowed()', undefined],
  ['authorizer.requestResource.check("create").allowed()', undefined],
  ['namespaceObject.metadata.labels["a"] == "b"', undefined],
  ['params.data.x == "y"', undefined],
  ['object.spec.replicas', 'must evaluate to bool but got dyn'],
  ['"text"', 'must evaluate to bool but got string'],
  [
    'request.nope == 1',
    "compilation failed: ERROR: <input>:1:8: undefined field 'nope'\n | request.nope == 1\n | .......^",
  ],
  [
    'variables.x == 1',
    "compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.x == 1\n | ^",
  ],
])('plainCompiler.compile(%j) says %j', (source, problem) => {
  expect(plainCompiler.compile(source, resultTypes.condition, all).problem).toBe(problem)
})

test('compile() knows parameters and the authorizer only where they are', () => {
  const none = { params: false, authorizer: false }
  expect(plainCompiler.compile('params == null', resultTypes.condition, none).problem).toContain(
    "undeclared reference to 'params'",
  )
  expect(plainCompiler.compile('authorizer == null', resultTypes.condition, none).problem).toContain(
    "undeclared reference to 'authorizer'",
  )
})

test('compile() names all the types that would do', () => {
  expect(plainCompiler.compile('1', resultTypes.auditAnnotation, all).problem).toBe(
    'must evaluate to one of [string null_type] but got int',
  )
})

test('addVariable() makes a name for the expressions after it', () => {
  const compiler = createPolicyCompiler()
  expect(compiler.compile('variables.two == 2', resultTypes.condition, all).problem).toContain("undefined field 'two'")
  expect(compiler.addVariable('one', '1', all).problem).toBeUndefined()
  expect(compiler.addVariable('two', 'variables.one + 1', all).problem).toBeUndefined()
  expect(compiler.compile('variables.two == 2', resultTypes.condition, all).problem).toBeUndefined()
  expect(compiler.compile('variables.two == "x"', resultTypes.condition, all).problem).toContain(
    "found no matching overload for '_==_' applied to '(int, string)'",
  )
})

test('compile() writes patches', () => {
  const compiler = createPolicyCompiler()
  const patches = { ...all, patches: true }
  const apply = 'Object{spec: Object.spec{replicas: 3}, metadata: Object.metadata{labels: {"a": "b"}}}'
  expect(compiler.compile(apply, resultTypes.applyConfiguration, patches).problem).toBeUndefined()
  const json = '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "c"}]'
  expect(compiler.compile(json, resultTypes.jsonPatch, patches).problem).toBeUndefined()
  expect(compiler.compile('Object.spec{}', resultTypes.applyConfiguration, patches).problem).toBe(
    'must evaluate to Object but got Object.spec',
  )
  expect(compiler.compile('[1]', resultTypes.jsonPatch, patches).problem).toBe(
    'must evaluate to list(JSONPatch) but got list(int)',
  )
})
