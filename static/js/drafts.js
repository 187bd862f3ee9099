// What was typed and not sent: one draft for each conversation and session. A draft never moves to another session by itself;
// only the rest of a typed `/new …` does, because that is what its author asked for.
import { names, read, write } from "./storage.js";

export class Drafts {
  constructor({ user, key, sessionId }) {
    this.prefix = `draft:${user}:${key}:`;
    this.nextName = `next-draft:${user}:${key}`;
    this.sessionId = sessionId;
    this.adoptNext();
  }

  get text() {
    return read(this.prefix + this.sessionId) ?? "";
  }

  set text(value) {
    write(this.prefix + this.sessionId, value || null);
  }

  // Keeps text for the session that a reset is about to begin.
  keepForNext(text) {
    write(this.nextName, text === null ? null : { text, from: this.sessionId });
  }

  adoptNext() {
    const next = read(this.nextName);
    if (!next || next.from === this.sessionId) return;
    write(this.nextName, null);
    if (next.text && !this.text) this.text = next.text;
  }

  // Drafts of other sessions of this conversation.
  get others() {
    return names(this.prefix)
      .map((name) => ({ sessionId: name.slice(this.prefix.length), text: read(name) ?? "" }))
      .filter((draft) => draft.sessionId !== this.sessionId && draft.text.trim());
  }

  forget(sessionId) {
    write(this.prefix + sessionId, null);
  }
}
