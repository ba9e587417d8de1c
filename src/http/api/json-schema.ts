import * as z from 'zod';
import { isAnswer, shapes, shapeTexts } from './shape.ts';

/** A schema in JSON (JSON Schema 2020-12, as OpenAPI 3.1 takes it). */
export type JsonSchema = Readonly<Record<string, unknown>>;

const referenceStart = '#/components/schemas/';

/** The name of the shape that a schema refers to; undefined where it stands for itself. */
export function shapeNameOf(schema: JsonSchema): string | undefined {
  const reference = schema['$ref'];
  return typeof reference === 'string' ? reference.slice(referenceStart.length) : undefined;
}

/** Every shape that has a name, by its name. */
export function namedSchemas(): Readonly<Record<string, JsonSchema>> {
  const { schemas } = z.toJSONSchema(shapes, {
    io: 'input',
    uri: (id) => `${referenceStart}${id}`,
    override: refine,
  });
  // Which module made its shapes first is no matter to the document.
  const sorted = Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([id, schema]) => [id, { description: shapeTexts.get(id), ...bare(schema) }]),
  );
}

/** A schema as it stands in the document: by reference where it has a name of its own. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const named = shapes.get(schema);
  if (named !== undefined) return { $ref: `${referenceStart}${named.id}` };
  if (schema instanceof z.ZodArray)
    return { type: 'array', items: jsonSchemaOf(schema.element as z.ZodType) };
  if (schema instanceof z.ZodUnion)
    return { anyOf: schema.options.map((one) => jsonSchemaOf(one as z.ZodType)) };
  return bare(z.toJSONSchema(schema, { io: 'input', override: refine }));
}

/** Without what a schema says only where it is a document of its own. */
function bare(schema: JsonSchema): JsonSchema {
  const { $schema: _, $id: __, ...rest } = schema;
  return rest;
}

interface Context {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}

/** Leaves out what tells a reader nothing. */
function refine({ zodSchema, jsonSchema }: Context): void {
  if (isAnswer(zodSchema)) delete jsonSchema.additionalProperties;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // The format says the same.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}
