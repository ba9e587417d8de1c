import type { KvsErrorCode } from '../../core/errors.ts';
import { problems } from '../problem.ts';
import { codesOf, failures } from './failures.ts';
import { namedSchemas, type JsonSchema } from './json-schema.ts';
import { markup, prose, type Markup } from './markup.ts';
import { headers, sections, type Section } from './operation.ts';
import { operationMarkup } from './operation-markup.ts';
import { operations } from './operations.ts';
import { membersOf, typeOf } from './shape-markup.ts';

/** The files that the page names, below `/docs/`; undefined where they were not built. */
export interface PageParts {
  readonly script: string | undefined;
  readonly style: string | undefined;
  readonly icon: string | undefined;
}

const usedSections = (Object.keys(sections) as Section[]).map((name) => ({
  name,
  id: idOf(name),
  operations: operations.filter(({ section }) => section === name),
}));

/** The page under `/docs`: the interface, to be read. It holds no script and no style of its own. */
export function docsPage(parts: PageParts): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>KVS: the REST interface</title>
${headOf(parts)}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="docs"><strong>KVS</strong> <span>REST interface</span></a>
<nav aria-label="Elsewhere"><a href="openapi.json">OpenAPI 3.1</a> <a href="debug/">Debugging</a></nav>
</header>
<div class="docs">
<nav class="index" aria-label="Operations"><details><summary>Operations</summary>${indexMarkup()}</details></nav>
<main id="main" tabindex="-1">
<h1>The REST interface</h1>
<p>Every answer that is not a value is JSON. Every failure is a problem document (RFC 9457) with a stable <a href="#failures">code</a>. <code>HEAD</code> is answered as <code>GET</code> is, without the body, and <code>OPTIONS</code> with the methods that are allowed. The same for programs is <a href="openapi.json">openapi.json</a>.</p>
${usedSections.map(sectionMarkup)}
${failuresMarkup()}
${headersMarkup()}
${shapesMarkup()}
</main>
</div>
</body>
</html>
`.toString();
}

function headOf({ script, style, icon }: PageParts): readonly Markup[] {
  return [
    ...(icon === undefined ? [] : [markup`<link rel="icon" href="docs/${icon}">`]),
    ...(style === undefined ? [] : [markup`<link rel="stylesheet" href="docs/${style}">`]),
    ...(script === undefined ? [] : [markup`<script type="module" src="docs/${script}"></script>`]),
  ];
}

function indexMarkup(): Markup {
  const groups = usedSections.map(
    ({ name, id, operations: own }) =>
      markup`<li><a href="#${id}">${name}</a><ul>${own.map(
        ({ id, title }) => markup`<li><a href="#${id}">${title}</a></li>`,
      )}</ul></li>`,
  );
  return markup`<ul>${groups}
<li><a href="#failures">Failures</a></li>
<li><a href="#headers">Headers</a></li>
<li><a href="#shapes">Shapes</a></li></ul>`;
}

function sectionMarkup({ name, id, operations: own }: (typeof usedSections)[number]): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${name}</h2>
<p>${prose(sections[name])}</p>
${own.map(operationMarkup)}
</section>`;
}

function failuresMarkup(): Markup {
  return markup`<section id="failures" aria-labelledby="failures-title">
<h2 id="failures-title">Failures</h2>
<div class="panel"><h3>Any request may fail with</h3>${codesMarkup(codesOf('anywhere'))}</div>
<div class="panel"><h3>Operations that name them fail with</h3>${codesMarkup(codesOf('named'))}</div>
<div class="panel"><h3>Only nodes meet</h3>${codesMarkup([...codesOf('peers'), ...codesOf('start')])}</div>
</section>`;
}

function codesMarkup(codes: readonly KvsErrorCode[]): Markup {
  return markup`<dl class="facts">${codes.map(
    (code) =>
      markup`<div id="failure-${code}"><dt><code>${problems[code][0]} ${code}</code></dt><dd>${prose(failures[code].when)}</dd></div>`,
  )}</dl>`;
}

function headersMarkup(): Markup {
  const rows = Object.entries(headers).map(
    ([name, text]) =>
      markup`<div id="header-${name}"><dt><code>${name}</code></dt><dd>${prose(text)}</dd></div>`,
  );
  return markup`<section id="headers" aria-labelledby="headers-title">
<h2 id="headers-title">Headers</h2>
<div class="panel"><dl class="facts">${rows}</dl></div>
</section>`;
}

function shapesMarkup(): Markup {
  return markup`<section id="shapes" aria-labelledby="shapes-title">
<h2 id="shapes-title">Shapes</h2>
<p>What bodies and answers in JSON look like. An answer may have further members one day.</p>
${Object.entries(namedSchemas()).map(shapeMarkup)}
</section>`;
}

function shapeMarkup([name, schema]: readonly [string, JsonSchema]): Markup {
  const members = membersOf(schema);
  return markup`<article class="panel shape" id="shape-${name}" aria-labelledby="shape-${name}-title">
<h3 id="shape-${name}-title">${name}</h3>
<p>${prose(String(schema['description']))}</p>
${members.length > 0 ? members : typeOf(schema)}
</article>`;
}

function idOf(section: Section): string {
  return section.toLowerCase().replaceAll(' ', '-');
}
