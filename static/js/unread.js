// Marks conversations that grew since this browser last showed them.
import { read, write } from "./storage.js";

const NAME = "seen";

export function markUnread() {
  const seen = read(NAME) ?? {};
  let isChanged = false;
  for (const link of document.querySelectorAll("[data-conversation]")) {
    const { conversation, entries } = link.dataset;
    const isCurrent = link.hasAttribute("aria-current");
    if (!(conversation in seen) || isCurrent || Number(entries) < seen[conversation]) {
      isChanged ||= seen[conversation] !== Number(entries);
      seen[conversation] = Number(entries);
    } else if (Number(entries) > seen[conversation] && !link.classList.contains("link-bold")) {
      link.classList.add("link-bold");
      const state = link.querySelector(".end");
      if (state && !state.classList.contains("state")) {
        state.className = "state state-live end";
        state.textContent = "new";
      }
    }
  }
  if (isChanged) write(NAME, seen);
}

markUnread();
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "conversation-list") markUnread();
});
