// What every page does. The chat adds `chat.js`.
document.documentElement.classList.add("has-script");

import "./act.js";
import "./copy.js";
import "./dialog.js";
import "./folds.js";
import "./keys.js";
import "./theme.js";
import "./time.js";
import "./toast.js";
import "./unread.js";
