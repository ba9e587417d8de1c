import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isConfigKey } from '../../src/config.ts';
import { limits } from '../../src/core/limits.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What makes a constant of the code a bound, wherever it stands. */
const isBoundName = (name: string) => /Max$|Ceiling$|FanOut$|DeadlineMs(?:Min)?$|RetryMsMin$/.test(name);

interface Bound {
  readonly name: string;
  /** Undefined where it is more than a product of numbers. */
  readonly value: number | undefined;
}

interface Row {
  readonly names: readonly string[];
  readonly value: string;
  readonly file: string;
  readonly title: string;
}

const rows = readRows();
const constants = readConstants();
const allBounds: readonly Bound[] = [
  ...Object.entries(limits).map(([name, value]) => ({ name, value })),
  ...constants.filter(({ name }) => isBoundName(name)),
];

describe('docs/limits.md', () => {
  it.each(allBounds)('has a row for $name, with its value', ({ name, value }) => {
    const values = rows.filter(({ names }) => names.includes(name)).map((row) => row.value);
    expect(values).not.toEqual([]);
    if (value === undefined) return;
    const spelt = spellings(name, value);
    expect(values.filter((text) => spelt.some((one) => says(text, one)))).not.toEqual([]);
  });

  it('names no limit that is neither a bound of the code nor a key of the configuration', () => {
    const known = new Set([...Object.keys(limits), ...constants.map(({ name }) => name)]);
    const names = rows.flatMap((row) => row.names);
    expect(names.filter((name) => !known.has(name) && !isConfigKey(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(Object.keys(limits).length);
  });

  it('names for every row a test that there is', () => {
    const titlesOf = new Map<string, string>();
    const missing = rows.filter(({ file, title }) => {
      const source = titlesOf.get(file) ?? readFileSync(join(root, file), 'utf8');
      titlesOf.set(file, source);
      return !titleIn(source, title);
    });
    expect(missing).toEqual([]);
  });
});

/** True where a call has the title for its first argument; of a table of tests too. */
function titleIn(source: string, title: string): boolean {
  return ["'", '`'].some((quote) =>
    new RegExp(String.raw`(?<!describe)\(\s*${quote}${escaped(title)}${quote},`).test(source),
  );
}

function readRows(): readonly Row[] {
  const lines = readFileSync(join(root, 'docs/limits.md'), 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('|') && !/^\| (?:limit +\||-)/.test(line))
    .map((line) => {
      const [, limit, value, , test] = line.split('|').map((cell) => cell.trim());
      const [, file, title] = /^\[[^\]]+\]\(\.\.\/(test\/[^)]+)\) "([^"]+)"$/.exec(test ?? '') ?? [];
      if (limit === undefined || value === undefined || file === undefined || title === undefined) {
        throw new Error(`A row without a limit, a value or a test: ${line}`);
      }
      return { names: [...limit.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? ''), value, file, title };
    });
}

/** Every constant at the top of a module. */
function readConstants(): readonly Bound[] {
  const folder = join(root, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.flatMap((file) => {
    const source = readFileSync(join(folder, file), 'utf8');
    return [...source.matchAll(/^(?:export )?const (\w+) = ([^;]*);$/gm)].map(([, name = '', text = '']) => ({
      name,
      value: /^[\d_ *]+$/.test(text) ? productOf(text) : undefined,
    }));
  });
}

function productOf(text: string): number {
  return text.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

/** The ways to write a value, with its unit where the name has one. */
function spellings(name: string, value: number): readonly string[] {
  const grouped = (count: number) => count.toLocaleString('en-US', { maximumFractionDigits: 3 });
  const power = Math.log2(value + 1);
  return [
    grouped(value),
    ...(Number.isInteger(power) && power >= 16 ? [`2^${power} - 1`] : []),
    ...(name.includes('Ms') ? [`${grouped(value / 1_000)} s`, `${grouped(value / 3_600_000)} h`] : []),
    ...(/Bytes|Ceiling/.test(name)
      ? [`${grouped(value / 1_024)} KiB`, `${grouped(value / 1_048_576)} MiB`]
      : []),
  ];
}

/** True when the number stands there by itself, not as a part of another one. */
function says(text: string, number: string): boolean {
  return new RegExp(String.raw`(?<![\d.,^])${escaped(number)}(?![.,]?\d)`).test(text);
}

function escaped(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
