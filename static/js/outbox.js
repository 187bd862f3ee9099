// Messages on their way: kept in the browser until the server says they are stored.
// An item belongs to one conversation and one session; it is never sent into another one by itself.
import { uniqueId } from "./ids.js";
import { onChange, read, write } from "./storage.js";

const RETRY_MS = 2_000;

export class Outbox {
  // `deliver(item)` sends one and resolves with the ack; `onChange()` is told whenever something is different.
  constructor({ user, key, deliver, changed, stored, moved }) {
    this.name = `outbox:${user}:${key}`;
    Object.assign(this, { deliver, changed, stored, moved });
    this.items = read(this.name) ?? [];
    this.isKept = true;
    onChange(this.name, () => {
      this.items = read(this.name) ?? [];
      this.changed();
    });
  }

  add(text, sessionId) {
    const item = { key: uniqueId(), text, sessionId, at: new Date().toISOString(), state: "waiting" };
    this.change((items) => items.push(item));
    return item;
  }

  drop(key) {
    this.change((items) => items.splice(0, items.length, ...items.filter((item) => item.key !== key)));
  }

  set(key, values) {
    this.change((items) => Object.assign(items.find((item) => item.key === key) ?? {}, values));
  }

  // Other tabs write here too, so every change starts from what is stored now.
  change(mutate) {
    this.items = read(this.name) ?? [];
    mutate(this.items);
    this.isKept = write(this.name, this.items.length ? this.items : null);
    this.changed();
  }

  of(sessionId) {
    return this.items.filter((item) => item.sessionId === sessionId);
  }

  others(sessionId) {
    return this.items.filter((item) => item.sessionId !== sessionId);
  }

  // Sends what waits for this session, one after the other, so that order is kept.
  async flush(sessionId) {
    if (this.isFlushing) return;
    this.isFlushing = true;
    clearTimeout(this.timer);
    try {
      for (;;) {
        const item = this.of(sessionId).find((other) => other.state === "waiting");
        if (!item || !(await this.send(item, sessionId))) return;
      }
    } finally {
      this.isFlushing = false;
    }
  }

  // Returns whether the next one may follow.
  async send(item, sessionId) {
    try {
      const ack = await this.deliver(item);
      this.stored(item, ack);
      this.drop(item.key);
      return true;
    } catch (error) {
      if (error.code === "lost") return false; // sent again, with the same key, when the connection is back
      if (error.code === "session_moved") {
        this.moved(error);
        return false;
      }
      if (error.retryable) {
        this.timer = setTimeout(() => this.flush(sessionId), error.details?.retryAfterMs ?? RETRY_MS);
        return false;
      }
      this.set(item.key, { state: "failed", error: error.message });
      return true;
    }
  }
}
