import { encodedPath } from './ask.ts';

/** What a form of the page asks for. Fields that are left empty are left out. */
export function requestOf(form: HTMLFormElement): { readonly url: string; readonly init: RequestInit } {
  const { method = 'GET', path = '', query = '', type = '' } = form.dataset;
  const fields = [...form.querySelectorAll<HTMLInputElement>('input')];
  const filled = fields.filter(({ type, checked, value }) => (type === 'checkbox' ? checked : value !== ''));
  const asked = filled.filter((field) => field.dataset['in'] === 'query').map(partOf);
  const whole = [...(query === '' ? [] : [query]), ...asked].join('&');
  const headers = filled.filter((field) => field.dataset['in'] === 'header');
  const body = form.querySelector('textarea')?.value;
  return {
    url: pathOf(path, fields) + (whole === '' ? '' : `?${whole}`),
    init: {
      method,
      headers: [
        ...headers.map(({ name, value }): [string, string] => [name, value]),
        ...(type === '' ? [] : [['Content-Type', type] as [string, string]]),
      ],
      ...(body === undefined ? {} : { body }),
    },
  };
}

/** With the fields that belong into it; `/kv/` where the prefix is empty. */
function pathOf(template: string, fields: readonly HTMLInputElement[]): string {
  const path = fields
    .filter((field) => field.dataset['in'] === 'path')
    .reduce((path, { name, value }) => path.replace(`{${name}}`, () => encodedPath(value)), template);
  return path.replace(/\/\/$/, '/');
}

function partOf({ name, type, value }: HTMLInputElement): string {
  return type === 'checkbox' ? name : `${name}=${encodeURIComponent(value)}`;
}
