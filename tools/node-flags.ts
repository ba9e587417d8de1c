/**
 * What `npm start` starts Node.js with. Thousands of writes of a batch are under way at one time; with V8's own limit of
 * 16 MiB they fill a third of the young generation, and are copied again and again. With twice as much a batch takes a
 * twentieth less time, single requests as long as before, and the process up to 48 MiB more.
 */
export const nodeFlags = ['--max-semi-space-size=32'];
