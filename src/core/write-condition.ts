/** Versions of one key by uuid, or any version at all. */
export type VersionTags = readonly string[] | '*';

/** What must hold of a key for a request to be carried out (RFC 9110, section 13). Both parts must, where both stand. */
export interface WriteCondition {
  /** The key has one of these versions. */
  readonly ifMatch?: VersionTags | undefined;
  /** The key has none of these versions. */
  readonly ifNoneMatch?: VersionTags | undefined;
}

/** `uuid`: of the version that the key has; undefined where it reads as absent. */
export function isMet({ ifMatch, ifNoneMatch }: WriteCondition, uuid: string | undefined): boolean {
  return (
    (ifMatch === undefined || isAmong(ifMatch, uuid)) &&
    (ifNoneMatch === undefined || !isAmong(ifNoneMatch, uuid))
  );
}

/** Whether the tags name the version of a key. */
export function isAmong(tags: VersionTags, uuid: string | undefined): boolean {
  return uuid !== undefined && (tags === '*' || tags.includes(uuid));
}
