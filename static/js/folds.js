// Folded lists that are replaced while one looks at them stay as their reader left them.
import { read, write } from "./storage.js";

const NAME = "folds";

function adopt() {
  const open = read(NAME) ?? {};
  for (const fold of document.querySelectorAll("details[data-fold]")) {
    if (open[fold.dataset.fold] || fold.querySelector("[aria-current]")) fold.open = true;
  }
}

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches?.("details[data-fold]") || target.querySelector("[aria-current]")) return;
    write(NAME, { ...read(NAME), [target.dataset.fold]: target.open });
  },
  true,
);
document.body.addEventListener("htmx:afterSwap", adopt);
adopt();
