/*
 * Keys of Keyv as paths: each colon is a slash, so that a namespace is a directory, and what no path may hold is written
 * as `~` and its UTF-16 code in four hexadecimal digits. Nothing between two colons is `~`.
 */

// Besides the mark itself: slashes, control characters, and what has no form in UTF-8.
// oxlint-disable-next-line no-control-regex
const special = /[~/\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/gu;
const marked = /~([0-9a-f]{4})/g;

export function pathOfKey(key: string): string {
  return key.split(':').map(segmentOf).join('/');
}

/** The key of a path; undefined when it is the path of none. */
export function keyOfPath(path: string): string | undefined {
  const key = path.split('/').map(textOf).join(':');
  return pathOfKey(key) === path ? key : undefined;
}

function segmentOf(text: string): string {
  if (text === '') return '~';
  const segment = text.replace(special, mark);
  return segment === '.' || segment === '..' ? mark('.') + segment.slice(1) : segment;
}

function textOf(segment: string): string {
  if (segment === '~') return '';
  return segment.replace(marked, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function mark(character: string): string {
  return `~${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
