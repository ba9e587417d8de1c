/** Where a node answers its peers, and what messages between them are. */
export const peerPath = '/internal/peer';

/** Not among the types that a page from elsewhere may send unasked (CORS), so no browser can be made to speak here. */
export const peerContentType = 'application/vnd.msgpack';
