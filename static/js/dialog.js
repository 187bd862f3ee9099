// Dialogs, menus and the sheet of message actions. Native elements do the work: focus goes in, stays in and comes back.
const ask = document.getElementById("ask");

export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
  return dialog;
}

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== ask) return;
  const isNew = !ask.open;
  openDialog("ask");
  if (isNew) ask.querySelector("[autofocus]")?.focus();
  document.dispatchEvent(new CustomEvent("holdfast:asked"));
});

function closeAll() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}
document.body.addEventListener("holdfast:close", closeAll);

function openFor(button) {
  const dialog = openDialog(button.dataset.open);
  const form = dialog?.querySelector("form[data-act]");
  form?.querySelector("input[data-filled]")?.remove();
  if (form && button.name) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value });
    field.dataset.filled = "yes";
    form.append(field);
  }
}

function openMessageMenu(button) {
  const message = button.closest("[data-seq]");
  const menu = document.getElementById("message-menu");
  for (const item of menu.querySelectorAll("[name=seq]")) item.value = message.dataset.seq;
  for (const item of menu.querySelectorAll("[data-for-role]")) item.hidden = item.dataset.forRole !== message.dataset.role;
  menu.querySelector("[data-copy-text]").dataset.copyText = message.dataset.textUrl;
  menu.querySelector("[data-copy-link]").setAttribute("href", message.dataset.link);
  menu.showPopover();
}

function openRename(button) {
  const dialog = openDialog("name");
  dialog.querySelector("[name=checkpoint_id]").value = button.dataset.rename;
  const field = dialog.querySelector("[name=label]");
  field.value = button.dataset.label;
  field.select();
}

document.addEventListener("click", (event) => {
  const target = event.target;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
  if (target instanceof HTMLDialogElement && target.open) return target.close(); // the backdrop
  const opener = target.closest("[data-open]");
  if (opener) {
    event.preventDefault();
    document.getElementById("message-menu")?.hidePopover();
    return openFor(opener);
  }
  const closer = target.closest("[data-close]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    return closer.closest("dialog").close();
  }
  const more = target.closest("[data-message-menu]");
  if (more) return openMessageMenu(more);
  const rename = target.closest("[data-rename]");
  if (rename) return openRename(rename);
  if (target.closest("#message-menu")) document.getElementById("message-menu").hidePopover();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

ask?.addEventListener("close", () => {
  if (ask.querySelector(".secret")) ask.replaceChildren(); // shown once
  document.dispatchEvent(new CustomEvent("holdfast:ask-closed"));
});
