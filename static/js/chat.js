// The chat page: ties socket, outbox, drafts, composer and transcript together.
import { Composer } from "./composer.js";
import { Drafts } from "./drafts.js";
import { forget, showLeftovers, showMoved } from "./held.js";
import { Outbox } from "./outbox.js";
import "./rename.js";
import { Gateway } from "./socket.js";
import { dropUndo, toast } from "./toast.js";
import { Transcript } from "./transcript.js";

const page = document.querySelector("[data-chat]");
const { key, session: sessionId, user } = page.dataset;
const isWindow = "window" in page.dataset; // older messages: new ones do not belong at this end
const ask = document.getElementById("ask");
const STATES = {
  connected: ["Connected", "state-ok"],
  connecting: ["Connecting", "state-wait"],
  restarting: ["Restarting, back in a moment", "state-wait"],
  offline: ["Offline", "state-bad"],
  "signed-out": ["Signed out", "state-bad"],
};

let cursor = Number(page.dataset.cursor);
let current = sessionId;
let isMoving = false; // this tab's own reset or restore is under way
let isSynced = false;
let isApart = false; // the line was lost and is not back

const transcript = new Transcript(page, { onLive: () => composer.weigh() });
const drafts = new Drafts({ user, key, sessionId });
const gateway = new Gateway({ onState: showState, onReady: sync, onEvent: live, onLost: lost });
const outbox = new Outbox({
  user,
  key,
  changed: showOutbox,
  stored: (_item, ack) => (isWindow ? location.assign(location.pathname) : transcript.refresh(Math.min(transcript.lastSeq, ack.entrySeq - 1))),
  moved: ({ details }) => details.newSessionId !== current && moved({ newSessionId: details.newSessionId, isReset: true }),
  deliver,
});
const composer = new Composer({
  drafts,
  textMax: Number(page.dataset.textMax),
  sessionId,
  onCommand: askForReset,
  delay: () => (isApart ? "Kept in this browser, sent when the line is back" : transcript.live ? "Waits until the answer is done" : ""),
  onSend: (text) => {
    outbox.add(text, sessionId);
    document.getElementById("transcript").scrollTop = 0;
    flush();
  },
});

// No answer in time means that the line is dead, whatever the socket says: a new one carries the outbox on, with the same keys.
async function deliver(item) {
  try {
    return await gateway.request("chat.send", { sessionKey: key, sessionId: item.sessionId, message: item.text, idempotencyKey: item.key });
  } catch (error) {
    if (error.code === "lost") gateway.restart();
    throw error;
  }
}

function showState(name) {
  const label = document.getElementById("connection");
  const [words, colour] = STATES[name];
  label.textContent = words;
  label.className = `state ${colour} tiny needs-script`;
  isApart = name === "offline" || name === "restarting";
  composer.weigh();
  if (name === "signed-out") toast("You are signed out. Sign in again; what you wrote is kept in this browser.", { isBad: true });
}

function showOutbox() {
  transcript.pending(outbox.of(sessionId), {
    isKept: outbox.isKept,
    onAgain: (item) => {
      outbox.set(item.key, { state: "waiting", error: "" });
      flush();
    },
    onDrop: (item) => outbox.drop(item.key),
    onEdit: (item) => {
      composer.text = [item.text, composer.text].filter(Boolean).join("\n\n");
      outbox.drop(item.key);
    },
  });
}

function flush() {
  if (gateway.isReady && isSynced && current === sessionId) outbox.flush(sessionId);
}

// Rows after the cursor, then live: the same for first load, reconnect and gap.
async function sync() {
  isSynced = false;
  try {
    for (let hasMore = true; hasMore; ) {
      const answer = await gateway.request("events.sync", { sessionKey: key, afterEvent: cursor });
      for (const event of answer.events) row(event.type, { ...event.payload, eventSeq: event.eventSeq });
      cursor = Math.max(cursor, answer.lastEvent);
      hasMore = answer.hasMore === true;
      if (!hasMore) caughtUp(answer);
    }
  } catch (error) {
    if (error.code === "invalid_params" || error.code === "reason_required") location.reload(); // this page is of another log, as after a backup was brought back
    else if (error.code !== "lost") toast(error.message, { isBad: true });
  }
}

function caughtUp(answer) {
  isSynced = true;
  if (answer.sessionId !== current) moved({ newSessionId: answer.sessionId, isReset: true });
  if (answer.live && current === sessionId && !isWindow) transcript.whole(answer.live.runId, answer.live.text);
  else if (!answer.live) transcript.endLive();
  flush();
}

function live(name, payload) {
  if (payload.sessionKey !== key) return;
  if (name === "watch.ended") return location.reload(); // somebody else's conversation: the reason given is used up
  if (payload.eventSeq === undefined) {
    if (name === "chat" && payload.state === "delta") delta(payload);
    return;
  }
  if (payload.eventSeq > cursor + 1) sync();
  else row(name, payload);
}

function delta({ runId, sessionId: where, deltaText, offset }) {
  if (where !== sessionId || isWindow) return;
  if (!transcript.delta(runId, deltaText, offset)) sync();
}

function row(name, payload) {
  if (payload.eventSeq <= cursor) return;
  cursor = payload.eventSeq;
  const isHere = payload.sessionId === sessionId;
  if (name === "entry.added" && isHere && !isWindow) transcript.refresh();
  else if (name === "run.changed" && isHere) runChanged(payload);
  else if (name === "chat" && isHere) ended(payload.runId);
  else if (name === "session.reset") moved({ ...payload, isReset: true });
  else if (name === "session.restored") moved({ ...payload, isReset: false });
  else if (name === "conversation.changed") renamed(payload);
  if (/^(session|checkpoint)\./.test(name)) tell("holdfast:timeline");
  if (/^(session\.|conversation\.|run\.|chat$)/.test(name)) listSoon();
}

function runChanged({ runId, state, inputSeq }) {
  if (isWindow) return;
  if (state === "running") transcript.startLive(runId);
  transcript.refresh(inputSeq - 1);
  if (state === "withdrawn") askAgain();
}

// A run ended: its answer is stored by now, and its message says so.
async function ended(runId) {
  const asked = transcript.seqAsked(runId);
  if (!isWindow || asked) await transcript.refresh(asked ? asked - 1 : undefined);
  if (transcript.live?.runId === runId) transcript.endLive();
  askAgain();
}

function moved(change) {
  current = change.newSessionId;
  tell("holdfast:timeline");
  if (isMoving) return;
  if (current === sessionId) {
    forget("moved");
    composer.hold(false);
    transcript.refresh();
    flush();
    return;
  }
  transcript.endLive();
  closeReset();
  dropUndo(current);
  composer.hold(true);
  for (const field of document.querySelectorAll("[name=expected_current_session_id]")) field.value = current;
  // From this tab's own session to the one that is current now, however many moves lie between.
  showMoved({ ...change, oldSessionId: sessionId, draft: composer.text }, { mine: sessionId, onContinue: () => location.assign(location.pathname) });
}

function renamed({ title }) {
  if (typeof title !== "string") return;
  const heading = page.querySelector("h1");
  heading.textContent = title || key;
  document.title = `${title || key} · Holdfast`;
}

function lost() {
  isSynced = false;
  closeReset("The connection was lost, so the question was closed. Nothing was changed.");
}

// A question asked before a reconnect may be about another state of the conversation.
function closeReset(words) {
  if (isMoving || !ask.open || !ask.querySelector("[data-reset]")) return;
  ask.close();
  if (words) toast(words);
}

function askForReset(commandText, rest) {
  drafts.keepForNext(rest || null);
  window.htmx.ajax("GET", `${page.dataset.resetUrl}?${new URLSearchParams({ command_text: commandText.slice(0, 2000) })}`, "#ask");
}

// The answer that a reset waited for is there: show the question with the facts as they are now.
function askAgain() {
  const form = ask.querySelector("[data-reset]");
  if (!ask.open || !form || isMoving) return;
  const values = new URLSearchParams({ command_text: form.command_text.value, reason: form.reason.value });
  window.htmx.ajax("GET", `${page.dataset.resetUrl}?${values}`, "#ask");
}

document.addEventListener("holdfast:asked", () => {
  const form = ask.querySelector("[data-reset]");
  const note = form?.querySelector("[data-draft-note]");
  if (note) note.hidden = !form.command_text.value.trim().includes(" ");
  if (form && !form.command_text.value) drafts.keepForNext(null);
});
document.addEventListener("holdfast:ask-closed", () => {
  if (!isMoving) drafts.keepForNext(null);
});
document.addEventListener("holdfast:moving", () => {
  isMoving = true;
  composer.keep();
});
document.addEventListener("holdfast:leaving", (event) => {
  // The command was carried out, so it is no draft of the old session any more.
  if (event.detail.form.command_text?.value) composer.text = "";
});
document.addEventListener("holdfast:stayed", () => {
  isMoving = false;
  if (current !== sessionId) moved({ newSessionId: current, isReset: true });
});
document.body.addEventListener("holdfast:entries", () => transcript.refresh(Math.max(0, transcript.lastSeq - 20)));

function tell(name) {
  document.body.dispatchEvent(new CustomEvent(name));
}

let listTimer = 0;
function listSoon() {
  clearTimeout(listTimer);
  listTimer = setTimeout(() => {
    tell("holdfast:list");
    tell("holdfast:timeline");
  }, 800);
}

dropUndo(current);
showLeftovers({ drafts, outbox, composer, sessionId });
// Motion only where something moved: the session that came with this page just took its place.
if (document.querySelector("#toasts form[data-moves]")) transcript.column.classList.add("is-arriving");
// The text to edit came with the address; a reload must not bring it back after it was sent.
if (new URLSearchParams(location.search).has("edit_key")) {
  composer.keep();
  history.replaceState(null, "", location.pathname);
  composer.field.focus();
}
showOutbox();
gateway.start();
