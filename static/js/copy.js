// Copies ids, code, links and whole messages, and says so where it was pressed.
import { toast } from "./toast.js";

const MARK_MS = 1600;

// `text` may be a promise: Safari wants the clipboard asked for while the press is fresh.
async function put(text) {
  if (window.ClipboardItem && navigator.clipboard?.write && text instanceof Promise) {
    const blob = text.then((found) => new Blob([found], { type: "text/plain" }));
    return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  }
  const found = await text;
  if (navigator.clipboard) return navigator.clipboard.writeText(found);
  // Plain HTTP has no clipboard: the old way still works there.
  const area = document.createElement("textarea");
  area.value = found;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  return isDone ? undefined : Promise.reject(new Error("no clipboard"));
}

function mark(button) {
  const use = button.querySelector("use");
  button.classList.add("is-copied");
  if (use && !button.dataset.icon) button.dataset.icon = use.getAttribute("href");
  use?.setAttribute("href", "#i-check");
  setTimeout(() => {
    button.classList.remove("is-copied");
    if (use) use.setAttribute("href", button.dataset.icon);
  }, MARK_MS);
}

async function textAt(url) {
  const answer = await fetch(url, { headers: { Accept: "text/plain" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.text();
}

function wanted(button) {
  if (button.dataset.copy) return button.dataset.copy;
  if ("copyCode" in button.dataset) return button.closest(".code").querySelector("code").textContent;
  if (button.dataset.copyText) return textAt(button.dataset.copyText);
  return new URL(button.getAttribute("href"), location.href).href;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-code], [data-copy-text], [data-copy-link]");
  if (!button || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  event.stopPropagation();
  try {
    await put(wanted(button));
    mark(button);
    toast("Copied.", { ms: MARK_MS });
  } catch {
    toast("The browser did not allow copying. Select the text and copy it by hand.", { isBad: true });
  }
});
