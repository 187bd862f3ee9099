// Notices above the composer: the conversation moved on, or something written for another session is still here.
import { button, element, icon, idChip } from "./elements.js";

const box = document.getElementById("held");

function notice(name, words, acts, { isQuiet = false } = {}) {
  box.querySelector(`[data-notice="${name}"]`)?.remove();
  const body = element("div", {}, words, element("div", { className: "cluster" }, ...acts));
  box.append(element("div", { className: isQuiet ? "notice notice-quiet" : "notice", "data-notice": name }, icon(isQuiet ? "clock" : "warn"), body));
}

export function forget(name) {
  box.querySelector(`[data-notice="${name}"]`)?.remove();
}

const WAYS = { "ui-button": "button", "slash-command": "typed command", rpc: "program", cli: "command line", admin: "admin page" };

// Another tab or person moved the conversation. Nothing typed here goes there until its author says so.
export function showMoved({ oldSessionId, newSessionId, actor, trigger, reason, isReset, draft }, { mine, onContinue }) {
  const who = [actor ?? "Somebody", WAYS[trigger] ?? trigger].filter(Boolean).join(" · ");
  const line = element("p", { className: "divider-line" });
  if (isReset) line.append(element("strong", { text: "A new session was started." }), " ", idChip(oldSessionId), " archived ", icon("arrow"), " ", idChip(newSessionId));
  else line.append(element("strong", { text: "Another session was restored." }), " ", idChip(newSessionId), " came back, ", idChip(oldSessionId), " stepped aside");
  const detail = element("p", { className: "quiet", text: `By ${who}${reason ? ` · “${reason}”` : ""}.${draft ? " What you typed stays here, with its session." : ""}` });
  const words = element("div", {}, line, detail);
  notice("moved", words, [
    button("Restore previous", { iconName: "restore", type: "submit", form: "act-restore", name: "session_id", value: mine }),
    button("Continue in the new session", { className: "button button-small button-primary", onPress: onContinue }),
  ]);
}

function showOtherDraft({ sessionId, text }, { onUse, onForget }) {
  const words = element("p", {}, "A draft written for session ", idChip(sessionId), ` is kept: “${text.slice(0, 80)}${text.length > 80 ? "…" : ""}”`);
  notice(`draft-${sessionId}`, words, [button("Use it here", { onPress: onUse }), button("Discard", { onPress: onForget })], { isQuiet: true });
}

function showUnsent(item, { onUse, onForget }) {
  const words = element("p", {}, "Not sent, because it was written for session ", idChip(item.sessionId), `: “${item.text.slice(0, 80)}${item.text.length > 80 ? "…" : ""}”`);
  notice(`unsent-${item.key}`, words, [button("Put it into the message box", { onPress: onUse }), button("Discard", { onPress: onForget })]);
}

// What was written for other sessions of this conversation and never sent: its author decides, item by item.
export function showLeftovers({ drafts, outbox, composer, sessionId }) {
  const use = (text) => {
    composer.text = [composer.text, text].filter(Boolean).join("\n\n");
  };
  for (const draft of drafts.others) {
    const done = () => {
      drafts.forget(draft.sessionId);
      forget(`draft-${draft.sessionId}`);
    };
    showOtherDraft(draft, { onForget: done, onUse: () => (use(draft.text), done()) });
  }
  for (const item of outbox.others(sessionId)) {
    const done = () => {
      outbox.drop(item.key);
      forget(`unsent-${item.key}`);
    };
    showUnsent(item, { onForget: done, onUse: () => (use(item.text), done()) });
  }
}
