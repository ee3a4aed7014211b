"""The one script that runs in a document of a message: in a twin of its frame, which nobody sees, to tell its size (decision 0034).

The twin's origin is as opaque as the frame's and its policy names this script by its hash, so nothing a mail holds can run there.
It reads sizes and sends two numbers to the page around it.
"""

import base64
import hashlib
from typing import Final

# `width`: what the document needs when it is wider than its window, `height`: what it takes at the width it has; CSS pixels.
SCRIPT: Final = (
    "const root=document.documentElement;"
    "const tell=()=>parent.postMessage({height:document.body.getBoundingClientRect().height,width:root.scrollWidth},'*');"
    "new ResizeObserver(tell).observe(document.body);"
    "for(const kind of ['load','error'])document.addEventListener(kind,tell,true);"
    "for(const kind of ['load','resize'])addEventListener(kind,tell);"
    "tell();"
)
SCRIPT_SOURCE: Final = f"'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
SANDBOX: Final = "allow-scripts"
