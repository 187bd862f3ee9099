// A part of a page that asks again and again says so while nobody answers. The next answer replaces it.
document.body.addEventListener("htmx:sendError", (event) => {
  const note = event.detail.elt?.querySelector("[data-away]");
  if (note) note.hidden = false;
});
