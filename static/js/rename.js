// The title, changed where it stands: a pencil beside it, Enter keeps, Escape leaves it.
const page = document.querySelector("[data-chat]");
const form = document.getElementById("rename");
const heading = document.querySelector(".chat-head h1");
const opener = document.querySelector("[data-rename-title]");
const field = form.querySelector("[name=title]");

function show(isOpen) {
  form.hidden = !isOpen;
  heading.hidden = isOpen;
  opener.hidden = isOpen;
  if (isOpen) field.select();
}

opener.addEventListener("click", () => {
  field.value = heading.textContent === page.dataset.key ? "" : heading.textContent;
  show(true);
});
form.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  show(false);
  opener.focus();
});
form.addEventListener("focusout", (event) => {
  if (!form.contains(event.relatedTarget) && !form.dataset.busy) show(false);
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form || !event.detail.successful) return;
  show(false);
  opener.focus();
});
