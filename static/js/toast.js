// Short words at the bottom edge. They rise above an open dialog, and leave by themselves unless they ask for something.
const STAY_MS = 20_000;
const SHOW_MS = 6_000;
const box = document.getElementById("toasts");
if (box) box.popover = "manual";

function lift() {
  if (!box.children.length) return box.hidePopover?.();
  if (box.matches(":popover-open")) box.hidePopover();
  box.showPopover?.();
}

function watch(item, ms) {
  let timer = setTimeout(() => drop(item), ms);
  const hold = () => clearTimeout(timer);
  item.addEventListener("pointerenter", hold);
  item.addEventListener("focusin", hold);
  item.addEventListener("pointerleave", () => {
    hold();
    timer = setTimeout(() => drop(item), SHOW_MS);
  });
}

function drop(item) {
  item.remove();
  lift();
}

export function toast(text, { isBad = false, ms = isBad ? STAY_MS : SHOW_MS } = {}) {
  const item = document.createElement("div");
  item.className = isBad ? "toast toast-bad" : "toast";
  if (isBad) item.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text;
  item.append(words);
  box.append(item);
  lift();
  watch(item, ms);
}

// An Undo is of the move it was offered for, and leaves with the session that move led to.
export function dropUndo(current) {
  for (const form of box.querySelectorAll("form[data-moves]")) {
    if (form.expected_current_session_id.value !== current) form.remove();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-dismiss]");
  if (button) drop(button.closest("[data-toast]"));
});
document.body.addEventListener("toast", (event) => toast(event.detail.text));

function adopt() {
  for (const item of box.querySelectorAll("[data-toast]:not([data-watched])")) {
    item.dataset.watched = "yes";
    watch(item, "stay" in item.dataset ? STAY_MS : SHOW_MS);
  }
  if (box.children.length) lift();
}
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === box) adopt();
});
document.body.addEventListener("htmx:sendError", () => adopt());
adopt();
