"""Real templates beside themselves: left as Chromium draws the bare HTML, right as a reader of ours sees it.

    python -m tests.mime.safe_html.side_by_side DIRECTORY [--width 690] [--scheme light]

One picture a template, for a person to look at. Nothing is fetched: pictures from elsewhere are missing on both sides.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright

from webmail.mime.safe_html.document import message_document
from webmail.mime.safe_html.sanitize import sanitize

TEMPLATES = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "templates"
MAX_HEIGHT = 4_000  # px of one side
GAP = 12


def find_templates() -> dict[str, Path]:
    """Newsletters and receipts by name."""
    found = {
        f"postmark-{path.parent.parent.name}-{path.parent.name}": path
        for path in TEMPLATES.glob("postmark/*/*/*/content.html")
    }
    found |= {f"leemunroe-{path.stem}": path for path in TEMPLATES.glob("leemunroe/*.html")}
    html = TEMPLATES / "mimekit-html" / "UnitTests" / "TestData" / "html"
    return found | {f"mimekit-{path.stem}": path for path in html.glob("*.html") if ".out" not in path.name}


def draw(page: Page, html: str, to: Path) -> None:
    """The whole document as a picture."""
    page.set_content(html, wait_until="domcontentloaded")
    height = min(page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT)
    width = page.viewport_size["width"] if page.viewport_size else 690
    page.screenshot(path=str(to), clip={"x": 0, "y": 0, "width": width, "height": height}, full_page=True)


def join(left: Path, right: Path, to: Path) -> None:
    """Both beside each other."""
    one, other = Image.open(left), Image.open(right)
    sheet = Image.new("RGB", (one.width + other.width + GAP, max(one.height, other.height)), "red")
    sheet.paste(one, (0, 0))
    sheet.paste(other, (one.width + GAP, 0))
    sheet.save(to)


def ours(html: str, scheme: str) -> str:
    """The document of a body."""
    safe = sanitize(html, cid_urls={})
    return message_document(safe.html, title="", css=safe.css, scheme=scheme)  # type: ignore[arg-type]


def main() -> None:
    """Draw all templates into a directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--width", type=int, default=690)
    parser.add_argument("--scheme", default="light")
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        size = {"width": given.width, "height": 900}
        bare = browser.new_page(viewport=size, java_script_enabled=True)  # type: ignore[arg-type]
        own = browser.new_page(viewport=size)  # type: ignore[arg-type]
        for page in (bare, own):
            page.route("**/*", lambda route: _refuse(route))
        for name, path in sorted(find_templates().items()):
            html = path.read_text(encoding="utf-8", errors="replace")
            left, right = given.directory / f".{name}-left.png", given.directory / f".{name}-right.png"
            draw(bare, html, left)
            draw(own, ours(html, given.scheme), right)
            join(left, right, given.directory / f"{name}.png")
            left.unlink()
            right.unlink()
        browser.close()


def _refuse(route: Route) -> None:
    route.abort()


if __name__ == "__main__":
    main()
