import { shapeNameOf, type JsonSchema } from './json-schema.ts';
import { markup, prose, type Markup } from './markup.ts';

/** What values a schema stands for, in a line; shapes that have a name are linked. */
export function typeOf(schema: JsonSchema): Markup {
  const name = shapeNameOf(schema);
  if (name !== undefined) return markup`<a href="#shape-${name}">${name}</a>`;
  const several = alternativesOf(schema);
  if (several !== undefined) return markup`${several.map((one, i) => [i === 0 ? '' : ' or ', typeOf(one)])}`;
  if (schema['const'] !== undefined) return literal(schema['const']);
  if (Array.isArray(schema['enum'])) return oneOf(schema['enum']);
  const type = schema['type'] as string | readonly string[] | undefined;
  if (type === 'array') return markup`list of ${typeOf(itemsOf(schema))}`;
  if (type === undefined) return markup`any JSON`;
  return markup`${[type].flat().join(' or ')}${boundsOf(schema)}`;
}

/** The members of the objects that a schema stands for; nothing where it is no object. */
export function membersOf(schema: JsonSchema): readonly Markup[] {
  const several = alternativesOf(schema);
  if (several !== undefined) return several.flatMap(membersOf);
  if (schema['type'] === 'array') return membersOf(itemsOf(schema));
  const properties = schema['properties'] as Readonly<Record<string, JsonSchema>> | undefined;
  if (properties === undefined) return [];
  const required = (schema['required'] ?? []) as readonly string[];
  const rows = Object.entries(properties).map(([name, member]) =>
    memberOf(name, member, required.includes(name)),
  );
  return [markup`<dl class="facts">${rows}</dl>`];
}

function memberOf(name: string, schema: JsonSchema, isRequired: boolean): Markup {
  const text = schema['description'];
  return markup`<div>
    <dt><code>${name}</code>${isRequired ? '' : markup` <span class="optional">optional</span>`}</dt>
    <dd><span class="type">${typeOf(schema)}</span>${typeof text === 'string' ? markup`<p>${prose(text)}</p>` : ''}${membersOf(schema)}</dd>
  </div>`;
}

function alternativesOf(schema: JsonSchema): readonly JsonSchema[] | undefined {
  return (schema['anyOf'] ?? schema['oneOf']) as readonly JsonSchema[] | undefined;
}

function itemsOf(schema: JsonSchema): JsonSchema {
  return (schema['items'] ?? {}) as JsonSchema;
}

function literal(value: unknown): Markup {
  return value === '' ? markup`nothing` : markup`<code>${String(value)}</code>`;
}

function oneOf(values: readonly unknown[]): Markup {
  return markup`${values.map((value, i) => [i === 0 ? '' : ', ', literal(value)])}`;
}

function boundsOf(schema: JsonSchema): string {
  const least = schema['minimum'] ?? schema['minLength'];
  const most = schema['maximum'] ?? schema['maxLength'] ?? schema['maxItems'];
  const unit = schema['type'] === 'string' ? ' characters' : '';
  const above = schema['exclusiveMinimum'];
  if (above !== undefined)
    return `, above ${grouped(above)}${most === undefined ? '' : ` and up to ${grouped(most)}`}`;
  if (most !== undefined)
    return `, ${least === undefined ? 'up' : grouped(least)} to ${grouped(most)}${unit}`;
  return typeof least === 'number' && least > 0 && unit === '' ? `, ${grouped(least)} or more` : '';
}

function grouped(value: unknown): string {
  return Number(value).toLocaleString('en-US');
}
