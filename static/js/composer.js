// The message box: it grows, keeps its draft, says what will happen, and never sends what looks like a command.
import { element, icon } from "./elements.js";

const CONTROL = /^\s*\/(new|reset)(\s|$)/i;
const SAVE_MS = 250;
const bytes = new TextEncoder();

export class Composer {
  // `onSend(text)`, `onCommand(text, rest)`; `delay()` says why a message sent now would wait, or nothing.
  constructor({ drafts, textMax, sessionId, onSend, onCommand, delay }) {
    Object.assign(this, { drafts, textMax, sessionId, onSend, onCommand, delay });
    this.form = document.getElementById("composer");
    this.field = document.getElementById("message");
    this.hint = document.getElementById("composer-hint");
    this.plan = document.getElementById("composer-plan");
    this.plainHint = [...this.hint.childNodes].map((node) => node.cloneNode(true));
    this.send = this.form.querySelector("button");
    this.field.required = false; // the page says it in words
    if (!this.field.value) this.field.value = drafts.text;
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("pagehide", () => this.keep());
    document.documentElement.classList.add("has-composer");
    this.weigh();
  }

  get text() {
    return this.field.value;
  }

  set text(value) {
    this.field.value = value;
    this.typed();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), SAVE_MS);
    this.weigh();
  }

  keep() {
    clearTimeout(this.timer);
    this.drafts.text = this.text;
  }

  // Says what will happen with this text.
  weigh() {
    const size = this.text.length > this.textMax / 4 ? bytes.encode(this.text).length : 0;
    this.isTooLong = size > this.textMax;
    this.hint.classList.toggle("is-bad", this.isTooLong);
    this.hint.classList.toggle("is-live", CONTROL.test(this.text));
    if (this.isTooLong) {
      this.hint.textContent = `${Math.ceil(size / 1024)} of ${Math.floor(this.textMax / 1024)} KiB: shorten it, or send it in parts`;
    } else if (CONTROL.test(this.text)) {
      this.hint.textContent = "Starts a new session, asks first";
    } else if (this.text.trim() && this.delay()) {
      this.hint.textContent = this.delay();
    } else {
      this.hint.replaceChildren(...this.plainHint.map((node) => node.cloneNode(true)));
    }
    this.send.disabled = this.isTooLong;
    this.showPlan(CONTROL.exec(this.text));
  }

  // What a typed command will lead to, before it is sent.
  showPlan(command) {
    this.plan.hidden = !command;
    if (!command) return;
    const rest = this.text.slice(command[0].length).trim().split(/\s+/).join(" ");
    const shown = rest.length > 60 ? `${rest.slice(0, 59)}…` : rest;
    const words = element("p", {}, "Session ", element("span", { className: "mono", text: this.sessionId.slice(0, 8) }), " will be archived and a new one started, after you confirm. Nothing is deleted.");
    if (rest) words.append(" ", element("bdi", { text: `“${shown}”` }), " becomes the draft of the new one.");
    this.plan.replaceChildren(icon("archive"), words);
  }

  pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  submitted(event) {
    event.preventDefault();
    const { text } = this;
    if (this.isHeld || this.isTooLong || !text.trim()) return;
    const command = CONTROL.exec(text);
    if (command) {
      this.keep();
      this.onCommand(text, text.slice(command[0].length).trim());
      return;
    }
    this.field.value = "";
    this.typed();
    this.keep();
    this.onSend(text);
    this.field.focus();
  }

  // A held composer shows its draft but takes and sends nothing.
  hold(isHeld) {
    this.keep();
    this.isHeld = isHeld;
    this.field.disabled = isHeld;
    this.send.disabled = isHeld || this.isTooLong;
  }
}
