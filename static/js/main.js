// One behaviour a module; each listens on the document, so that what htmx swaps in needs no wiring.
import "./morph.js";
import "./status.js";
import "./toasts.js";
import "./sending.js";
import "./schedule.js";
import "./menus.js";
import "./list.js";
import "./keyboard.js";
import "./frames.js";
import "./print.js";
import "./folds.js";
import "./live.js";
import "./password.js";
import "./drafts_local.js";
import "./compose.js";
import "./upload.js";
import "./viewer.js";
