/**
 * The reference: `node:http` and nothing else. GET answers the bytes that its first argument holds; PUT reads the
 * body, parses it as JSON and answers as a node would. Prints its port.
 */
import { createServer } from 'node:http';

const value = Buffer.from(process.argv[2] ?? '');
const answer = Buffer.from('{"uuid":"a1b2c3d4-e5f6-7890-1234-567890abcdef","timestamp":1672531200000}');

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': value.length });
    response.end(value);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.length });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
