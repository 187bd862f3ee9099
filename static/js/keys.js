// Single keys, never while somebody types, never with a modifier. `?` lists them.
import { openDialog } from "./dialog.js";

function isTyping(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    event.preventDefault();
    openDialog("keys");
    return;
  }
  if (!/^[/a-z]$/.test(event.key)) return;
  const target = document.querySelector(`[data-key="${event.key}"]`);
  if (!target) return;
  event.preventDefault();
  const panel = target.closest("[popover]");
  if (panel && panel.checkVisibility && !panel.checkVisibility()) panel.showPopover();
  if (target.matches("a, button")) target.click();
  else target.focus();
});
