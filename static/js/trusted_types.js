// What may become markup (security R12): only what htmx, and we, parse into a document of its own, in which nothing runs. The page's
// policy refuses every other string that would become markup, a script or the address of one, so there is no way to eval either.
const PARSED = new Set(["DOMParser parseFromString", "Document parseHTMLUnsafe"]);

window.trustedTypes?.createPolicy("default", { createHTML: (text, _type, sink) => (PARSED.has(sink) ? text : null) });
