// The server writes times in UTC; here they move into the reader's own zone. `title` keeps the exact time in UTC.
const LANGUAGE = "en-GB";
const clock = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric" });
const weekday = new Intl.DateTimeFormat(LANGUAGE, { weekday: "short" });
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function dayWords(moment, now) {
  return (moment.getFullYear() === now.getFullYear() ? day : dayOfYear).format(moment);
}

const isToday = (moment, now) => moment.toDateString() === now.toDateString();
const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"} ago`;

const STYLES = {
  clock: (moment, now) => {
    if (isToday(moment, now)) return clock.format(moment);
    return now - moment < 6 * DAY ? weekday.format(moment) : dayWords(moment, now);
  },
  stamp: (moment, now) => (isToday(moment, now) ? clock.format(moment) : `${dayWords(moment, now)}, ${clock.format(moment)}`),
  ago: (moment, now) => {
    const ms = Math.max(now - moment, 0);
    if (ms < MINUTE) return "just now";
    if (ms < HOUR) return plural(Math.floor(ms / MINUTE), "minute");
    if (ms < DAY) return plural(Math.floor(ms / HOUR), "hour");
    return STYLES.stamp(moment, now);
  },
  full: (moment) => `${dayOfYear.format(moment)}, ${clock.format(moment)}`,
};

export function localise(root = document) {
  const now = new Date();
  for (const element of root.querySelectorAll("time[data-when]")) {
    const moment = new Date(element.dateTime);
    const style = STYLES[element.dataset.when];
    if (style && !Number.isNaN(moment.getTime())) element.textContent = style(moment, now);
  }
}

localise();
document.body.addEventListener("htmx:load", (event) => localise(event.detail.elt.parentElement ?? event.detail.elt));
setInterval(() => localise(), MINUTE);
