// Writes json-rules-engine.json: conditions, data of a webhook, and whether they match in the engine itself. Run in a
// folder that has the package: npm install json-rules-engine && node json-rules-engine.mjs > json-rules-engine.json
import { Engine } from 'json-rules-engine';

let seed = 20260310;
const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
const pick = (list) => list[random(list.length)];

const scalars = ['Used Car', 'used car', 'Used Car +', '', '5', '5.0', 'abc', '12abc', 'inf', 'Infinity', 'NaN', 'a"b\\c', 'çãø 日本 😀', "it's\n#: {x}",
  0, 1, 5, 5.5, -3, 1e22, 9007199254740991, true, false, null];
const lists = [[], ['a', 'b'], ['Used Car', 5, null], [[1]]];
const objects = [{ meta: 'Used Car' }, { meta: 5, deep: { x: ['a', 'b'] } }, {}];
const names = ['category', 'status', 'odd-name', 'in', 'tags'];
const paths = [undefined, undefined, undefined, '$.meta', '$.deep.x', '$.deep.x[1]', "$['meta']"];
const patterns = ['Used', 'Used Car', '^Used.Car$', 'car$', '\\d', '^\\w+$', '[^a-z]', 'a"b', '\\\\', '(Used|New) Car', 'x*', '\\s', '日本', '^.{1,3}$', '\\bCar\\b'];

const leaf = () => {
  const operator = pick(['equal', 'notEqual', 'in', 'notIn', 'contains', 'doesNotContain', 'lessThan', 'lessThanInclusive', 'greaterThan',
    'greaterThanInclusive', 'match', 'match', 'equal']);
  const value = operator === 'in' || operator === 'notIn' ? [pick(scalars), pick(scalars), pick(scalars)]
    : operator === 'match' ? pick(patterns)
      : /Than/.test(operator) ? pick([0, 1, 5, 5.5, -3]) : pick(scalars);
  const test = { fact: 'conversation.' + pick(names), operator, value };
  const path = pick(paths);
  return path === undefined ? test : { ...test, path };
};
const tree = (depth) => {
  const kind = depth === 0 ? 3 : random(6);
  const some = () => Array.from({ length: 1 + random(3) }, () => tree(depth - 1));
  return kind === 0 ? { any: some() } : kind === 1 ? { all: some() } : kind === 2 ? { not: tree(depth - 1) } : leaf();
};
const root = () => pick([() => ({ all: [tree(2), tree(1)] }), () => ({ any: [tree(2), tree(1)] }), () => ({ all: [leaf()] }), () => ({ not: leaf() })])();

const cases = [];
while (cases.length < 300) {
  const conversation = {};
  for (const name of names) if (random(8) > 0) conversation[name] = pick([...scalars, ...scalars, ...lists, ...objects]);
  const conditions = root();
  const engine = new Engine([], { allowUndefinedFacts: true });
  engine.addOperator('match', (fact, value) => typeof fact === 'string' && new RegExp(value).test(fact));
  for (const name of names) if (name in conversation) engine.addFact('conversation.' + name, conversation[name]);
  engine.addRule({ conditions: structuredClone(conditions), event: { type: 'enqueue' } });
  const { events } = await engine.run();
  cases.push({ conditions, conversation, matches: events.length > 0 });
}
process.stdout.write('[\n' + cases.map((one) => JSON.stringify(one)).join(',\n') + '\n]\n');
