// After a restart was asked for: waits until another server answers, then shows the page again.
const LOOK_MS = 700;
const SLOW_MS = 40_000;
const ANSWER_MS = 5_000;

// The page of another server than the one that stops. Anything else (no answer, 503, the old one) means: look again.
async function isBack(url, instance) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) return false;
    if (answer.redirected) return true; // signed out meanwhile: the sign-in page says so
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-instance]");
    return Boolean(found?.dataset.instance) && found.dataset.instance !== instance;
  } catch {
    return false;
  }
}

async function wait(box) {
  const { restarting: instance, url } = box.dataset;
  const since = Date.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (await isBack(url, instance)) return location.assign(url);
    if (Date.now() - since > SLOW_MS) box.querySelector("[data-slow]").hidden = false;
  }
}

function look() {
  const box = document.querySelector("[data-restarting]:not([data-waits])");
  if (!box) return;
  box.dataset.waits = "yes";
  box.querySelector("[autofocus]").focus();
  wait(box);
}

document.body.addEventListener("htmx:afterSwap", look);
look();
