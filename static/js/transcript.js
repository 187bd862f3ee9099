// The transcript as the server renders it. New entries come as HTML from the server's own templates; only two things are made
// here, as plain text, until the server has them: messages on their way, and the answer that is being written.
import { button, element, icon } from "./elements.js";
import { localise } from "./time.js";

export class Transcript {
  // `onLive()` when an answer begins or ends.
  constructor(page, { onLive }) {
    this.page = page;
    this.onLive = onLive;
    this.column = document.getElementById("entries");
    this.end = document.getElementById("end");
    this.url = page.dataset.entriesUrl;
    this.sessionId = page.dataset.session;
    this.live = null;
    this.wantedFrom = null;
  }

  get lastSeq() {
    const stored = this.column.querySelectorAll("[data-seq]");
    return stored.length ? Number(stored[stored.length - 1].dataset.seq) : 0;
  }

  // Where the message stands that a run answers; null when it is not on the page.
  seqAsked(runId) {
    const message = this.column.querySelector(`[data-role=user][data-run="${runId}"]`);
    return message ? Number(message.dataset.seq) : null;
  }

  // Fetches entries after a position, and once more for whatever was asked for meanwhile.
  async refresh(after = this.lastSeq) {
    this.wantedFrom = this.wantedFrom === null ? after : Math.min(this.wantedFrom, after);
    if (this.isFetching) return this.isFetching;
    this.isFetching = this.fetchAll();
    try {
      await this.isFetching;
    } finally {
      this.isFetching = null;
    }
  }

  async fetchAll() {
    while (this.wantedFrom !== null) {
      let from = this.wantedFrom;
      this.wantedFrom = null;
      for (let hasMore = true; hasMore; ) {
        const answer = await fetch(`${this.url}?session=${this.sessionId}&after=${from}`, { headers: { "HX-Request": "true" } });
        if (!answer.ok) return;
        hasMore = this.put(await answer.text());
        from = this.lastSeq;
      }
    }
  }

  // Puts rendered entries where they belong; returns whether the server has more.
  put(html) {
    const piece = document.createElement("template");
    piece.innerHTML = html;
    for (const fresh of piece.content.querySelectorAll("[data-seq]")) {
      const known = document.getElementById(fresh.id);
      localise(fresh);
      if (known) {
        if (known.dataset.runState !== fresh.dataset.runState || known.dataset.run !== fresh.dataset.run) known.replaceWith(fresh);
        continue;
      }
      this.column.querySelector(".transcript-empty")?.remove();
      if (fresh.dataset.role === "assistant" && fresh.dataset.run === this.live?.runId) this.endLive();
      this.column.insertBefore(fresh, this.column.querySelector("[data-tail]") ?? this.end);
    }
    return piece.content.querySelector("[data-more]") !== null;
  }

  // Shows what the answer being written has so far. `offset` counts Unicode code points; returns false when something is missing.
  delta(runId, text, offset) {
    const live = this.startLive(runId);
    if (offset > live.length) return false;
    const points = [...text];
    const fresh = points.slice(live.length - offset);
    if (fresh.length) {
      live.node.appendData(fresh.join(""));
      live.length += fresh.length;
    }
    return true;
  }

  // The text so far, whole, as a late tab gets it.
  whole(runId, text) {
    const live = this.startLive(runId);
    const points = [...text].length;
    if (points < live.length) return;
    live.node.data = text;
    live.length = points;
  }

  startLive(runId) {
    if (this.live?.runId === runId) return this.live;
    this.endLive();
    const node = document.createTextNode("");
    const state = element("span", { className: "state state-live", text: "Answering" });
    const stop = button("Stop", { iconName: "stop", type: "submit", form: "act-stop", name: "run_id", value: runId });
    const article = element(
      "article",
      // The log announces whole answers: this one is silent until the stored one takes its place.
      { className: "message message-agent", "data-tail": "live", "aria-busy": "true", "aria-live": "off" },
      element("span", { className: "message-mark", "aria-hidden": "true" }, icon("mark")),
      element(
        "div",
        {},
        element("header", { className: "message-meta" }, element("h2", { text: "Agent" }), state, stop),
        element("div", { className: "prose live-text", dir: "auto" }, node, element("span", { className: "caret" })),
      ),
    );
    const started = Date.now();
    const timer = setInterval(() => {
      state.textContent = `Answering, ${Math.round((Date.now() - started) / 1000)} s`;
    }, 1000);
    this.column.insertBefore(article, this.end);
    this.live = { runId, node, article, timer, length: 0 };
    this.onLive();
    return this.live;
  }

  endLive() {
    if (!this.live) return;
    clearInterval(this.live.timer);
    this.live.article.remove();
    this.live = null;
    this.onLive();
  }

  // Messages on their way, in order, before the answer that is being written.
  pending(items, { onAgain, onDrop, onEdit, isKept }) {
    for (const old of this.column.querySelectorAll("[data-tail=pending]")) old.remove();
    const before = this.live?.article ?? this.end;
    for (const item of items) this.column.insertBefore(pendingArticle(item, { onAgain, onDrop, onEdit, isKept }), before);
    if (items.length) this.column.querySelector(".transcript-empty")?.remove();
  }
}

function pendingArticle(item, { onAgain, onDrop, onEdit, isKept }) {
  const isFailed = item.state === "failed";
  const words = isFailed ? "Not sent" : isKept ? "In this browser" : "In this tab only: the browser's storage is full or blocked";
  const state = element("span", { className: `state ${isFailed ? "state-bad" : "state-wait"}`, "data-turn": true }, icon(isFailed ? "warn" : "clock"), words);
  const body = element(
    "div",
    {},
    element("header", { className: "message-meta" }, element("h2", { text: "You" }), state),
    element("div", { className: "prose", dir: "auto" }, element("p", { text: item.text })),
  );
  if (isFailed) {
    const acts = element("div", { className: "cluster" });
    acts.append(
      button("Send again", { onPress: () => onAgain(item) }),
      button("Edit", { onPress: () => onEdit(item) }),
      button("Discard", { onPress: () => onDrop(item) }),
    );
    body.append(element("div", { className: "after after-turn" }, element("p", { text: item.error }), acts));
  }
  return element(
    "article",
    { className: "message is-pending", "data-tail": "pending", "data-key-of": item.key },
    element("span", { className: "message-mark", "aria-hidden": "true", text: "" }, icon("chat")),
    body,
  );
}
