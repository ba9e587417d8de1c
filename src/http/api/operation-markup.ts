import type * as z from 'zod';
import { problems } from '../problem.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { markup, prose, type Markup } from './markup.ts';
import { neededIn, type Answer, type Content, type Operation, type Parameter } from './operation.ts';
import { typeOf } from './shape-markup.ts';
import { tryMarkup } from './try-markup.ts';

/** One operation on the page. */
export function operationMarkup(operation: Operation): Markup {
  const { id, title, text, curl, isInternal } = operation;
  return markup`
<article class="panel operation" id="${id}" aria-labelledby="${id}-title">
  <h3 id="${id}-title"><a href="#${id}">${title}</a></h3>
  ${callsOf(operation)}
  <p>${prose(text)}</p>
  <div class="shell"><pre><code>${curl}</code></pre><button type="button" class="copy" hidden>Copy</button></div>
  ${parametersOf(operation)}
  ${bodyOf(operation)}
  <h4>Answers</h4>
  <dl class="facts">${Object.entries(operation.answers).map(([status, answer]) => answerOf(status, answer))}</dl>
  ${failuresOf(operation)}
  ${isInternal === true ? '' : tryMarkup(operation)}
</article>`;
}

function callsOf({ method, paths, query }: Operation): Markup {
  const calls = paths.map((path) => `${path}${query === undefined ? '' : `?${query}`}`);
  return markup`<ul class="calls">${calls.map(
    (call) =>
      markup`<li><span class="method ${method}">${method.toUpperCase()}</span> <code>${call}</code></li>`,
  )}</ul>`;
}

function parametersOf({ parameters = [], query }: Operation): Markup | string {
  if (parameters.length === 0) return '';
  const needed = neededIn(query);
  const rows = parameters.map((one) => parameterOf(one, one.in === 'query' && needed.includes(one.name)));
  return markup`<h4>Parameters</h4><dl class="facts">${rows}</dl>`;
}

function parameterOf({ name, in: place, text, schema }: Parameter, isNeeded: boolean): Markup {
  return markup`<div>
    <dt><code>${name}</code> <span class="optional">${place}${isNeeded ? ', needed' : ''}</span></dt>
    <dd>${prose(text)} <span class="type">${typeOf(jsonSchemaOf(schema))}</span></dd>
  </div>`;
}

function bodyOf({ body }: Operation): Markup | string {
  if (body === undefined) return '';
  return markup`<h4>Body</h4><p>${prose(body.text)}</p>${contentsOf(body.content)}`;
}

function answerOf(status: string, { text, headers = [], content = [] }: Answer): Markup {
  return markup`<div>
    <dt><code>${status}</code></dt>
    <dd><p>${prose(text)}</p>${contentsOf(content)}${
      headers.length === 0
        ? ''
        : markup`<p class="muted">With ${headers.map((name, i) => [i === 0 ? '' : ', ', markup`<a href="#header-${name}"><code>${name}</code></a>`])}</p>`
    }</dd>
  </div>`;
}

function contentsOf(contents: readonly Content[]): Markup | string {
  if (contents.length === 0) return '';
  return markup`<ul class="contents">${contents.map(
    ({ type, schema, isLines }) =>
      markup`<li><code>${type}</code>: ${schema === 'bytes' ? 'bytes' : typeIn(schema)}${isLines === true ? ', one on each line' : ''}</li>`,
  )}</ul>`;
}

function typeIn(schema: z.ZodType): Markup {
  return markup`<span class="type">${typeOf(jsonSchemaOf(schema))}</span>`;
}

function failuresOf({ failures }: Operation): Markup | string {
  if (failures.length === 0) return '';
  return markup`<h4>Failures</h4>
  <ul class="codes">${failures.map(
    (code) => markup`<li><a href="#failure-${code}"><code>${problems[code][0]} ${code}</code></a></li>`,
  )}<li><a href="#failures">what any request may fail with</a></li></ul>`;
}
