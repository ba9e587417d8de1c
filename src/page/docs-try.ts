import { requestOf } from './docs-request.ts';

/** Of an answer, in characters: the rest is not read. */
const triedCharsMax = 65_536;

/** Lets a form of the page send its request, and shows what is answered as it comes. */
export function bringToLife(details: HTMLDetailsElement): void {
  const form = details.querySelector('form');
  const stop = details.querySelector<HTMLButtonElement>('.stop');
  const outcome = details.querySelector('.outcome');
  const result = details.querySelector<HTMLElement>('.result');
  if (form === null || stop === null || outcome === null || result === null) return;
  let running: AbortController | undefined;

  stop.addEventListener('click', () => running?.abort());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    running?.abort();
    const own = new AbortController();
    running = own;
    void send(own);
  });

  async function send(own: AbortController): Promise<void> {
    const isCurrent = () => running === own;
    const say = (text: string) => {
      if (isCurrent() && outcome !== null) outcome.textContent = text;
    };
    show('');
    say('Sent');
    setRunning(true);
    try {
      const { url, init } = requestOf(form as HTMLFormElement);
      const response = await fetch(url, { ...init, cache: 'no-store', signal: own.signal });
      const head = `${response.status} ${response.statusText}`;
      const heading = `${headersOf(response)}\n\n`;
      say(head);
      if (isCurrent()) show(heading);
      const isWhole = await readText(response, (text) => {
        if (isCurrent()) show(heading + text);
      });
      if (!isWhole) say(`${head}, cut after ${triedCharsMax.toLocaleString('en')} characters`);
    } catch (error) {
      say(own.signal.aborted ? 'Stopped' : `No answer: ${String(error)}`);
    } finally {
      own.abort();
      if (isCurrent()) setRunning(false);
    }
  }

  function show(text: string): void {
    if (result === null) return;
    result.hidden = text === '';
    result.textContent = text.trimEnd();
  }

  function setRunning(isRunning: boolean): void {
    if (stop !== null) stop.hidden = !isRunning;
  }
}

function headersOf({ headers }: Response): string {
  return [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');
}

/** Hands over all that has come each time that more comes; false where there was more than is read. */
async function readText({ body }: Response, show: (text: string) => void): Promise<boolean> {
  if (body === null) return true;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    show(text.slice(0, triedCharsMax));
    if (text.length > triedCharsMax) return false;
    if (done) return true;
  }
}
