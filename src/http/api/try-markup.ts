import { flagSchema } from './parameters.ts';
import { markup, type Markup } from './markup.ts';
import { neededIn, type Operation, type Parameter } from './operation.ts';

/** What a browser says by itself, whatever a page would have it say. */
const ownHeaders = new Set(['Accept-Encoding']);

/** A form that sends the request to the node that served the page; the script of the page brings it to life. */
export function tryMarkup({ id, method, paths, query, parameters = [], body }: Operation): Markup {
  const [path = ''] = paths;
  const given = fixedPartOf(query);
  const fields = parameters.filter(
    ({ name, in: place }) =>
      (place === 'path' ? path.includes(`{${name}}`) : true) &&
      !(place === 'query' && neededIn(given).includes(name)) &&
      !(place === 'header' && ownHeaders.has(name)),
  );
  return markup`<details class="try" hidden>
  <summary>Try it</summary>
  <form data-method="${method.toUpperCase()}" data-path="${path}" data-query="${given}" data-type="${body?.content[0]?.type ?? ''}">
    ${fields.map((field) => fieldOf(id, field, neededIn(query).includes(field.name)))}
    ${
      body === undefined
        ? ''
        : markup`<label for="${id}-body">Body</label><textarea id="${id}-body" name="body" rows="3" spellcheck="false">${body.example}</textarea>`
    }
    <p class="buttons"><button type="submit">Send</button><button type="button" class="stop" hidden>Stop</button></p>
  </form>
  <p class="outcome" role="status"></p>
  <pre class="result" hidden></pre>
</details>`;
}

/** What stands in the query as it is, without what has to be filled in. */
function fixedPartOf(query = ''): string {
  return query
    .split('&')
    .filter((part) => !part.includes('{'))
    .join('&');
}

function fieldOf(
  operation: string,
  { name, in: place, schema, example }: Parameter,
  isNeeded: boolean,
): Markup {
  const id = `${operation}-${place}-${name}`;
  const required = isNeeded ? markup` required` : '';
  if (schema === flagSchema) {
    return markup`<span></span><label class="check"><input type="checkbox" name="${name}" data-in="${place}"> <code>${name}</code></label>`;
  }
  return markup`<label for="${id}"><code>${name}</code></label><input id="${id}" name="${name}" data-in="${place}" value="${example ?? ''}" autocomplete="off" spellcheck="false"${required}>`;
}
