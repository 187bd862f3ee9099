// Forms that write. Without script they post and redirect; here they go through htmx, once however often they are pressed.
// What was pressed keeps its request id until the server has answered, so that pressing again after a lost answer repeats nothing.
import { uniqueId } from "./ids.js";
import { toast } from "./toast.js";

const works = new WeakMap(); // form -> { sent, waiting: what was pressed; ids: request id by what was pressed }

function workOf(form) {
  if (!works.has(form)) works.set(form, { ids: new Map() });
  return works.get(form);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-act]") || !window.htmx || event.defaultPrevented) return;
  event.preventDefault();
  const button = event.submitter;
  const pressed = { button, values: button?.name ? { [button.name]: button.value } : {} };
  pressed.what = JSON.stringify(pressed.values);
  const work = workOf(form);
  if (!work.sent) send(form, pressed);
  else if (work.sent.what !== pressed.what) wait(work, pressed); // another button of the same form: it goes when the first is answered
});

function wait(work, pressed) {
  work.waiting?.button?.classList.remove("is-busy");
  work.waiting = pressed;
  pressed.button?.classList.add("is-busy");
}

function send(form, pressed) {
  const work = workOf(form);
  work.sent = pressed;
  form.dataset.busy = "yes";
  pressed.button?.classList.add("is-busy");
  const field = form.querySelector("[name=request_id]");
  if (field) {
    if (!work.ids.has(pressed.what)) work.ids.set(pressed.what, work.ids.size ? uniqueId() : field.value);
    field.value = work.ids.get(pressed.what);
  }
  if ("moves" in form.dataset) document.dispatchEvent(new CustomEvent("holdfast:moving", { detail: { form } }));
  // `next` is for browsers without script; here the page stays.
  window.htmx.ajax("POST", form.getAttribute("action"), { source: form, values: pressed.values }).catch(() => {});
}

document.body.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  const work = form && works.get(form);
  if (!work?.sent) return;
  const { sent, waiting } = work;
  work.sent = work.waiting = undefined;
  delete form.dataset.busy;
  sent.button?.classList.remove("is-busy");
  waiting?.button?.classList.remove("is-busy");
  const { xhr } = event.detail;
  const field = form.querySelector("[name=request_id]");
  if (field && xhr && xhr.status > 0 && xhr.status < 500) {
    work.ids.delete(sent.what);
    field.value = uniqueId();
  }
  const isLeaving = xhr?.getResponseHeader("HX-Redirect");
  if ("moves" in form.dataset) document.dispatchEvent(new CustomEvent(isLeaving ? "holdfast:leaving" : "holdfast:stayed", { detail: { form } }));
  if (xhr?.status === 0) toast("Holdfast cannot be reached. Nothing is lost; press again when it is back.", { isBad: true });
  if (waiting && !isLeaving) send(form, waiting);
});
