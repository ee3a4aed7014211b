// Everything that keeps an open page true. The parts listen before the stream begins to speak.
import "./counts.js";
import "./renewal.js";
import "./dates.js";
import "./progress.js";
import "./queue.js";
import "./offline.js";
import "./session.js";
import "./notifications.js";
import "./copy.js";
import { start } from "./stream.js";

if (document.querySelector(".app")) start();

// The shortcut "Write" of the installed app opens the inbox with this.
if (location.hash === "#write") document.querySelector(".sidebar__compose")?.requestSubmit();
