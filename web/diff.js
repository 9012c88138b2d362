// What the live stream says has changed, put into what was there before: the form is in docs/live.md.

/**
 * Returns `old` with its changes. A list of one holds the new value, an empty one takes the member away; an object
 * changes the members of an object, or the rows of a list; anything else is the new value itself. Nothing of `old` is
 * written to, and what did not change is shared.
 */
export function apply(old, changes) {
  if (Array.isArray(changes)) return changes[0];
  if (changes === null || typeof changes !== "object") return changes;
  if (Array.isArray(old)) return applyRows(old, changes);
  if (old === null || typeof old !== "object") throw new TypeError("changes to what is not there");
  const next = { ...old };
  for (const [name, change] of Object.entries(changes)) {
    if (Array.isArray(change) && change.length === 0) delete next[name];
    else next[name] = apply(old[name], change);
  }
  return next;
}

// Rows are known by the member that `by` names.
function applyRows(old, { by, order, rows = {} }) {
  const known = new Map(old.map((row) => [row[by], row]));
  for (const [key, change] of Object.entries(rows)) known.set(key, apply(known.get(key), change));
  return (order ?? old.map((row) => row[by])).map((key) => {
    if (!known.has(key)) throw new TypeError(`no row ${key}`);
    return known.get(key);
  });
}
