// Questions to the API, and those that are asked again and again while somebody looks.

const ANSWER_MS_MAX = 20_000;

/** Asks and returns the answer; throws an error with the server's own reason. */
export async function ask(path, options = {}) {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS_MAX), ...options });
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch (error) {
    if (response.ok) throw new Error(`${path} did not answer with JSON: ${error.message}`);
  }
  if (response.ok) return answer;
  const reason = answer?.error?.message ?? answer?.error ?? answer?.message ?? text.slice(0, 200);
  throw new Error(reason || `${path} answered ${response.status}`);
}

/**
 * Asks for `path()` whenever something new has come, at most once every `every` milliseconds, one question at a time,
 * and never while the page is hidden. `onAnswer(answer)` gets the newest; `onFailure(reason)` is told why there is none.
 */
export class Poll {
  #timer = 0;
  #asked = -Infinity;
  #isWaiting = false;
  #isStale = true;
  #commit = null;

  constructor({ path, every, onAnswer, onFailure }) {
    Object.assign(this, { path, every, onAnswer, onFailure });
  }

  /** The view holds this commit now. */
  notice(commit) {
    if (commit !== this.#commit) this.#isStale = true;
    this.#commit = commit;
    this.#plan();
  }

  /** Asks soon, whether anything has come or not; at once where the question itself has changed. */
  again(isChanged = false) {
    this.#isStale = true;
    if (isChanged) {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#asked = -Infinity;
    }
    this.#plan();
  }

  #plan() {
    if (this.#timer || this.#isWaiting || !this.#isStale || document.hidden) return;
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, this.#asked + this.every - performance.now()));
  }

  async #ask() {
    this.#timer = 0;
    this.#asked = performance.now();
    this.#isWaiting = true;
    this.#isStale = false;
    const path = this.path();
    try {
      const answer = await ask(path);
      // Somebody chose something else meanwhile.
      if (path === this.path()) this.onAnswer(answer);
    } catch (error) {
      this.#isStale = true;
      if (path === this.path()) this.onFailure(error.message);
    } finally {
      this.#isWaiting = false;
      this.#plan();
    }
  }
}
