import type { KvsErrorCode } from '../../core/errors.ts';
import { problems } from '../problem.ts';
import { codesOf, failures, problem } from './failures.ts';
import { jsonSchemaOf, namedSchemas, type JsonSchema } from './json-schema.ts';
import {
  headers,
  neededIn,
  sections,
  type Answer,
  type Content,
  type HeaderName,
  type Operation,
  type Parameter,
} from './operation.ts';
import { operations } from './operations.ts';

type Json = Readonly<Record<string, unknown>>;

/** That of the package. */
const version = '0.1.0';

const introduction = `Every answer that is not a value is JSON. Every failure is \`application/problem+json\` (RFC 9457) with a stable \`code\`.

What stands for \`path\` and \`prefix\` has slashes, which must not be percent-encoded. \`HEAD\` is answered as \`GET\` is, without a body, and \`OPTIONS\` with the methods that are allowed. Of \`application/x-ndjson\` the schema is that of each line. \`x-limit\` names the bound of a node beside which it stands.`;

/** The interface of a node as an OpenAPI document, version 3.1. The same for every node of one version. */
function openApiDocument(): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'KVS',
      summary: 'A local-first, always-writable, hierarchical key-value store',
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
      version,
    },
    servers: [{ url: '/', description: 'The node that serves this document' }],
    security: [],
    tags: Object.entries(sections).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(
      [...new Set(operations.flatMap(({ paths }) => paths))].map((path) => [path, pathItem(path)]),
    ),
    components: {
      schemas: namedSchemas(),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, description]) => [
          name,
          { description, schema: { type: 'string' } },
        ]),
      ),
      responses: {
        Failure: { description: 'Any other failure.', content: problemContent(jsonSchemaOf(problem)) },
      },
    },
  };
}

/** The document as it is served, and kept in `docs/openapi.json`. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), undefined, 2)}\n`;
}

function pathItem(path: string): Json {
  const here = operations.filter(({ paths }) => paths.includes(path));
  const item: Record<string, Json> = {};
  for (const { method } of here) {
    if (item[method] !== undefined) continue;
    const merged = operationObject(
      path,
      here.filter((one) => one.method === method),
    );
    item[method] = merged;
    if (method === 'get') item['head'] = headOf(merged);
  }
  return item;
}

/** What is asked for with one method and one path, in all its forms. */
function operationObject(path: string, forms: readonly Operation[]): MergedOperation {
  const [first] = forms;
  if (first === undefined) throw new Error(`Nothing is found under ${path}`);
  const { body } = first;
  return {
    operationId: first.ids?.[path] ?? first.id,
    tags: [...new Set(forms.map(({ section }) => section))],
    summary: first.title,
    description: forms.map((form) => textOf(form, forms.length > 1)).join('\n\n'),
    ...(first.isInternal === true && { 'x-internal': true }),
    parameters: parameterObjects(path, forms),
    ...(body !== undefined && {
      requestBody: { description: body.text, required: true, content: contentObject(body.content) },
    }),
    responses: responseObjects(forms),
  };
}

interface MergedOperation extends Json {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Json>>;
}

function textOf({ query, title, text }: Operation, isOneOfMany: boolean): string {
  if (!isOneOfMany) return text;
  return query === undefined ? `**${title}.** ${text}` : `**${title}**, with \`?${query}\`. ${text}`;
}

function headOf(operation: MergedOperation): Json {
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const { content: _, ...withoutBody } = response;
    return [status, withoutBody] as const;
  });
  return {
    ...operation,
    operationId: `${operation.operationId}Head`,
    description: 'What `GET` answers, without the body.',
    responses: Object.fromEntries(responses),
  };
}

/** Each parameter once, and required where no form does without it. */
function parameterObjects(path: string, forms: readonly Operation[]): readonly Json[] {
  const all = forms.flatMap(({ parameters = [] }) => parameters);
  const names = [...new Set(all.map(keyOf))];
  return names.flatMap((key) => {
    const same = [...new Set(all.filter((one) => keyOf(one) === key))];
    const [first] = same;
    if (first === undefined || !belongsTo(first, path)) return [];
    const { name } = first;
    const isNeeded = forms.every(({ query }) => neededIn(query).includes(name));
    const schema = anyOf(same.map((one) => jsonSchemaOf(one.schema)));
    return [
      {
        name,
        in: first.in,
        description: same.map(({ text }) => text).join(' '),
        ...((first.in === 'path' || (first.in === 'query' && isNeeded)) && { required: true }),
        ...(Array.isArray(schema['enum']) && schema['enum'].includes('') && { allowEmptyValue: true }),
        schema,
      },
    ];
  });
}

function keyOf({ in: place, name }: Parameter): string {
  return `${place} ${name}`;
}

/** Which media types there are tells OpenAPI by itself what may be accepted (3.1.1, section 4.8.12.1). */
function belongsTo({ in: place, name }: Parameter, path: string): boolean {
  return place === 'path' ? path.includes(`{${name}}`) : name !== 'Accept';
}

function responseObjects(forms: readonly Operation[]): Readonly<Record<string, Json>> {
  const answers = forms.flatMap((form) => Object.entries(form.answers));
  const named = new Set(forms.flatMap((form) => form.failures));
  const statuses = new Set([
    ...answers.map(([status]) => Number(status)),
    ...[...named].map((code) => problems[code][0]),
  ]);
  const responses = [...statuses]
    .toSorted((a, b) => a - b)
    .map((status) => {
      const here = answers.filter(([one]) => Number(one) === status).map(([, answer]) => answer);
      const codes = [...named, ...codesOf('anywhere')].filter((code) => problems[code][0] === status);
      return [String(status), responseObject(here, codes)] as const;
    });
  return Object.fromEntries([...responses, ['default', { $ref: '#/components/responses/Failure' }]]);
}

/** What is answered with one status. */
function responseObject(answers: readonly Answer[], codes: readonly KvsErrorCode[]): Json {
  const isTemporary = codes.some((code) => problems[code][0] === 503);
  const names = [...answers.flatMap((one) => one.headers ?? []), ...(isTemporary ? retryHeaders : [])];
  const content = {
    ...contentObject(answers.flatMap((one) => one.content ?? [])),
    ...(codes.length > 0 &&
      problemContent({ ...jsonSchemaOf(problem), properties: { code: { enum: codes } } })),
  };
  const texts = [
    ...answers.map(({ text }) => text),
    ...codes.map((code) => `\`${code}\`: ${failures[code].when}`),
  ];
  return {
    description: [...new Set(texts)].join('\n\n'),
    ...(names.length > 0 && { headers: headerReferences(names) }),
    ...(Object.keys(content).length > 0 && { content }),
  };
}

const retryHeaders = ['Retry-After'] as const;

function problemContent(schema: JsonSchema): Json {
  return { 'application/problem+json': { schema } };
}

function headerReferences(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function contentObject(contents: readonly Content[]): Json {
  const types = [...new Set(contents.map(({ type }) => type))];
  return Object.fromEntries(
    types.map((type) => {
      const schemas = contents.filter((one) => one.type === type).map(({ schema }) => schema);
      return [
        type,
        { schema: anyOf(schemas.map((schema) => (schema === 'bytes' ? {} : jsonSchemaOf(schema)))) },
      ];
    }),
  );
}

function anyOf(schemas: readonly JsonSchema[]): JsonSchema {
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  const [first = {}, ...others] = different;
  return others.length === 0 ? first : { anyOf: different };
}
