// Forms that write. Without script they post and redirect; here they go through htmx, once however often they are pressed.
// A form keeps its request id until the server has answered, so that pressing again after a lost answer repeats nothing.
import { uniqueId } from "./ids.js";
import { toast } from "./toast.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-act]") || !window.htmx || event.defaultPrevented) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  event.submitter?.classList.add("is-busy");
  form.submitter = event.submitter;
  if ("moves" in form.dataset) document.dispatchEvent(new CustomEvent("holdfast:moving", { detail: { form } }));
  const pressed = event.submitter?.name ? { [event.submitter.name]: event.submitter.value } : {};
  // `next` is for browsers without script; here the page stays.
  window.htmx.ajax("POST", form.getAttribute("action"), { source: form, values: pressed }).catch(() => {});
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (!form?.matches?.("form[data-act]")) return;
  delete form.dataset.busy;
  form.submitter?.classList.remove("is-busy");
  const { xhr } = event.detail;
  const isAnswered = xhr && xhr.status > 0 && xhr.status < 500;
  const field = form.querySelector("[name=request_id]");
  if (isAnswered && field) field.value = uniqueId();
  const isLeaving = xhr?.getResponseHeader("HX-Redirect");
  if ("moves" in form.dataset) document.dispatchEvent(new CustomEvent(isLeaving ? "holdfast:leaving" : "holdfast:stayed", { detail: { form } }));
  if (xhr?.status === 0) toast("Holdfast cannot be reached. Nothing is lost; press again when it is back.", { isBad: true });
});
