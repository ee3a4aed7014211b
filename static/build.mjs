// Builds what pages load: one script and a tiny one that runs before the first paint, one style sheet, one sprite of icons, images. Run by `npm run build`.
import { build } from "esbuild";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
// Made beside it and put in its place when whole: a build that fails leaves the last good one.
const fresh = join(here, `.dist-${process.pid}`);
const lucide = join(here, "..", "node_modules", "lucide-static", "icons");

process.on("exit", () => rmSync(fresh, { recursive: true, force: true }));
mkdirSync(fresh, { recursive: true });

await build({
  entryPoints: [join(here, "js", "main.js"), join(here, "js", "layout", "early.js"), join(here, "css", "main.css")],
  outdir: fresh,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  external: ["*.svg"],
  entryNames: "[name]",
  logLevel: "warning",
});

writeFileSync(join(fresh, "icons.svg"), sprite(readNames(join(here, "icons.txt"))));
cpSync(join(here, "images"), fresh, { recursive: true });
// The words of other languages are made by `python -m webmail.locale compile`, not here: those that are there stay.
if (existsSync(dist)) for (const name of readdirSync(dist).filter((one) => /^words\..+\.js$/.test(one))) cpSync(`${dist}/${name}`, `${fresh}/${name}`);
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);

function readNames(file) {
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
}

// Each icon becomes a <symbol>; stroke, width and size come from the page's own CSS.
function sprite(names) {
  const known = new Set(readdirSync(lucide));
  const symbols = names.map((name) => {
    if (!known.has(`${name}.svg`)) throw new Error(`icons.txt names ${name}, which lucide does not have`);
    const source = readFileSync(join(lucide, `${name}.svg`), "utf8");
    const inner = source.slice(source.indexOf(">", source.indexOf("<svg")) + 1, source.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner.trim().replace(/\s*\n\s*/g, "")}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}
