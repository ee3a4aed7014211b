"""Which lines of a message are its sender's own, quoted, or a signature: the same rules for plain text and HTML.

`plain_text`, `reply` and `fold` bring lines; nothing here knows markup. Rules, in this order:

1. what is forwarded is there to be read and never folds;
2. marks (`>`, a quotation element) say what is quoted; without marks, an "Original Message" line, the header of an answered
   message or a certain attribution says that all the rest is;
3. what stands in front of a quotation and says who wrote it belongs to it;
4. only what no own line follows may fold, and only when an own line is left; and nothing without marks where the sender says that
   there is something to read in it.
"""

from collections.abc import Sequence
from typing import Final

from webmail.mime.quotes import lines as ask
from webmail.mime.quotes.kinds import Cue, Kind, Line, Structure

# Lines of one attribution: some programs wrap it at 72 characters, and names are long.
_MAX_ATTRIBUTION_LINES: Final = 4
# Blank lines between an attribution and its quotation.
_MAX_GAP: Final = 2
# The line above a signature (RFC 3676 4.3), and how many lines may follow. Servers and editors eat the space; then it may as well
# divide the parts of a text.
_SIGNATURE_LINES: Final = {"-- ": 40, "--": 8}
# Lines of a list's footer or a legal notice.
_MAX_FOOTER_LINES: Final = 30
_MAX_LIST_FOOTER_LINES: Final = 10
_MAX_HEADER_LINES: Final = 40
_MAX_FIELDS: Final = 8
# Where a sender says that the answers stand below.
_MAX_NOTE_LINES: Final = 30


def read_structure(lines: Sequence[Line]) -> Structure:
    """Find out what each line is. Linear in their number."""
    reader = _Reader(lines)
    reader.mark_rest()
    reader.mark_quotations()
    reader.mark_signatures()
    return Structure(reader.kinds, reader.folds())


class _Reader:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self._no_header_before = 0
        self._rest: int | None = None
        self.kinds = [Kind.BLANK if line.is_blank else Kind.QUOTED if line.depth else Kind.OWN for line in lines]

    # 1 and 2: from which line on everything is quoted or forwarded.
    def mark_rest(self) -> None:
        lines, kinds = self.lines, self.kinds
        for at, line in enumerate(lines):
            if line.cue is Cue.FORWARDED or (kinds[at] is Kind.OWN and ask.is_forward_mark(line.text)):
                self._mark_from(at, Kind.FORWARDED)
                return
            if kinds[at] is not Kind.OWN and line.cue is not Cue.REST:
                continue
            start = at if self._starts_rest(at) else self._unmarked_attribution(at)
            if start is None:
                continue
            start = self._with_rule_before(start)
            marked = self._marked_quotation_after(at) if line.cue is not Cue.REST else None
            if marked is None:
                self._mark_from(start, Kind.QUOTED)
                self._rest = start
                return
            self._relabel(start, marked, Kind.ATTRIBUTION)

    def _starts_rest(self, at: int) -> bool:
        line = self.lines[at]
        if line.cue is Cue.REST:
            return True
        if not line.text:
            return False
        if line.cue is not Cue.HEADER and len(line.text) > ask.MAX_CUE_CHARS:
            return False
        if ask.is_original_mark(line.text):
            return True
        if ask.field_role(line.text):
            return self._is_header(at)
        return line.cue is Cue.HEADER and self._is_foreign_header(at)

    def _is_header(self, at: int) -> bool:
        if at < self._no_header_before:
            return False
        texts = [line.text for line in self.lines[at : at + _MAX_HEADER_LINES]]
        before = self._before(at)
        is_announced = self.lines[at].cue is Cue.HEADER or (before is not None and self._is_rule(before))
        has_address = any(line.has_address for line in self.lines[at : at + 3])
        roles, count = ask.header_roles(texts)
        around = self.lines[max(at - _MAX_GAP, 0) : at + count + _MAX_GAP]
        if not is_announced and any(ask.is_raw_field(line.text) for line in around):
            self._no_header_before = at + count
            return False
        if ask.is_quoted_header(roles, texts[:count], is_announced=is_announced, has_address=has_address):
            return True
        self._no_header_before = at + count
        return False

    def _marked_quotation_after(self, at: int) -> int | None:
        """Where a quotation with marks begins behind the header at `at`: then the marks say how far it goes, not the header."""
        has_ended = False
        for one in range(at + 1, min(at + _MAX_HEADER_LINES, len(self.lines))):
            line = self.lines[one]
            if line.depth and not line.is_unsure:
                return one
            if has_ended and not line.is_blank:
                return None
            has_ended = has_ended or line.is_blank
        return None

    def _is_foreign_header(self, at: int) -> bool:
        """A program's own element with lines such as `Name: value`, in a language that no table knows."""
        texts = [line.text for line in self.lines[at : at + _MAX_FIELDS] if line.cue is Cue.HEADER and line.text]
        return len(texts) >= 3 and all(":" in text[:40] or "：" in text[:40] for text in texts[:3])

    def _unmarked_attribution(self, at: int) -> int | None:
        """Where a certain attribution starts that ends at `at` and behind which no marked quotation comes; or None."""
        if not self.lines[at].text.endswith((":", "：")) or self._quotation_follows(at):
            return None
        if all(line.is_blank for line in self.lines[at + 1 : at + 8]):
            return None
        text = ""
        for first in range(at, max(at - _MAX_ATTRIBUTION_LINES, -1), -1):
            if self.kinds[first] is not Kind.OWN or len(text) > ask.MAX_CUE_CHARS:
                return None
            text = f"{self.lines[first].text} {text}".rstrip()
            if ask.is_certain_attribution(text):
                return first
        return None

    def _quotation_follows(self, at: int) -> bool:
        following = next((line for line in self.lines[at + 1 : at + 8] if not line.is_blank), None)
        return following is not None and following.depth > 0

    def _before(self, at: int) -> int | None:
        return next((one for one in range(at - 1, max(at - 1 - 3, -1), -1) if not self.lines[one].is_blank), None)

    def _is_rule(self, at: int) -> bool:
        line = self.lines[at]
        return not line.depth and (line.is_rule or ask.is_original_mark(line.text) or ask.is_rule(line.text))

    def _with_rule_before(self, at: int) -> int:
        before = self._before(at)
        return before if before is not None and self._is_rule(before) else at

    def _mark_from(self, start: int, kind: Kind) -> None:
        for at in range(start, len(self.kinds)):
            if self.kinds[at] is not Kind.BLANK:
                self.kinds[at] = kind

    # 3: quotations that carry marks, each with its attribution.
    def mark_quotations(self) -> None:
        at = 0
        while at < len(self.kinds):
            if self.kinds[at] is not Kind.QUOTED or not self.lines[at].depth:
                at += 1
                continue
            end = self._quotation_end(at)
            self._settle_quotation(at, end)
            at = end

    def _quotation_end(self, start: int) -> int:
        is_unsure = self.lines[start].is_unsure
        end = start + 1
        for at in range(start, len(self.lines)):
            if self.kinds[at] is Kind.BLANK:
                continue
            line = self.lines[at]
            if self.kinds[at] is not Kind.QUOTED or not line.depth or line.is_unsure is not is_unsure:
                break
            end = at + 1
        return end

    def _settle_quotation(self, start: int, end: int) -> None:
        line = self.lines[start]
        if line.cue is not Cue.REST and any(
            ask.is_forward_mark(one.text) for one in self.lines[start : min(end, start + 3)] if one.depth <= 1
        ):
            self._relabel(start, end, Kind.FORWARDED)
            return
        attribution = self._attribution_before(start)
        if attribution is None:
            if line.is_unsure and not self._starts_rest(start):
                self._relabel(start, end, Kind.OWN)
            return
        self._relabel(attribution, start, Kind.ATTRIBUTION)

    def _relabel(self, start: int, end: int, kind: Kind) -> None:
        for at in range(start, end):
            if self.kinds[at] is not Kind.BLANK:
                self.kinds[at] = kind

    def _attribution_before(self, start: int) -> int | None:
        """The first line of the attribution of the quotation that begins at `start`, or None."""
        last = start - 1
        while last >= 0 and self.kinds[last] is Kind.BLANK and start - last <= _MAX_GAP:
            last -= 1
        if last < 0 or self.kinds[last] is not Kind.OWN:
            return None
        lines = self.lines
        if lines[last].cue in {Cue.ATTRIBUTION, Cue.INTRODUCTION}:
            return self._cued_attribution(last)
        found: int | None = None
        is_whole = False
        text = ""
        for first in range(last, max(last - _MAX_ATTRIBUTION_LINES, -1), -1):
            if self.kinds[first] is not Kind.OWN or len(text) > ask.MAX_CUE_CHARS or not lines[first].text:
                break
            text = f"{lines[first].text} {text}".rstrip()
            if is_whole and not ask.may_be_in_attribution(lines[first].text):
                break
            if ask.may_be_attribution(text):
                is_whole = ask.is_whole_attribution(text)
                found = first if found is None or is_whole else found
                if is_whole and ask.starts_attribution(lines[first].text):
                    break
        return found

    def _cued_attribution(self, last: int) -> int | None:
        cue = self.lines[last].cue
        first = last
        while first > 0 and self.lines[first - 1].cue is cue and self.kinds[first - 1] is Kind.OWN:
            first -= 1
        if last - first >= _MAX_ATTRIBUTION_LINES:
            return None
        text = " ".join(line.text for line in self.lines[first : last + 1])
        if cue is Cue.ATTRIBUTION or text.rstrip().endswith((":", "：", ">")):
            return first
        return first if ask.may_be_attribution(text) else None

    # Signatures and footers, among the lines that are left.
    def mark_signatures(self) -> None:
        at = 0
        kinds, lines = self.kinds, self.lines
        while at < len(kinds):
            if kinds[at] is Kind.OWN:
                text = lines[at].text
                if lines[at].cue is Cue.SIGNATURE or ask.is_sent_from(text):
                    kinds[at] = Kind.SIGNATURE
                elif text in _SIGNATURE_LINES:
                    at = self._mark_block(at, Kind.SIGNATURE, _SIGNATURE_LINES[text])
                    continue
                elif ask.is_footer(text) or (ask.is_rule(text) and self._is_list_footer(at)):
                    at = self._mark_block(at, Kind.FOOTER, _MAX_FOOTER_LINES)
                    continue
            at += 1

    def _is_list_footer(self, at: int) -> bool:
        """A rule and a few lines with an address to write to or look at: what list servers add."""
        if self.lines[at].text[0] not in "-_=":
            return False
        block: list[str] = []
        for one in range(at + 1, min(at + _MAX_FOOTER_LINES, len(self.kinds))):
            if self.kinds[one] not in {Kind.OWN, Kind.BLANK}:
                break
            block += filter(None, [self.lines[one].text])
        else:
            if at + _MAX_FOOTER_LINES < len(self.kinds):
                return False
        return len(block) <= _MAX_LIST_FOOTER_LINES and any("://" in text or "@" in text for text in block)

    def _mark_block(self, start: int, kind: Kind, most: int) -> int:
        """Mark the own lines from `start` to a quotation or the end; too many of them are a text, not a signature."""
        end = start
        count = 0
        while end < len(self.kinds) and self.kinds[end] in {Kind.OWN, Kind.BLANK}:
            count += self.kinds[end] is Kind.OWN
            end += 1
        if count <= most:
            self._relabel(start, end, kind)
        return end

    # 4: what may fold.
    def folds(self) -> list[tuple[int, int]]:
        if not any(self._is_worth_reading(at) for at in range(len(self.kinds))):
            return []
        if self._rest is not None and any(
            ask.says_read_on(self.lines[at].text)
            for at in range(min(self._rest, _MAX_NOTE_LINES))
            if self.kinds[at] is Kind.OWN
        ):
            return []
        runs: list[tuple[int, int]] = []
        start = end = -1
        for at in range(len(self.kinds) - 1, -1, -1):
            kind = self.kinds[at]
            if kind is Kind.FORWARDED or (kind is Kind.OWN and not self._is_mere_picture(at)):
                break
            if kind in {Kind.QUOTED, Kind.ATTRIBUTION}:
                start, end = at, at + 1 if end < 0 else end
            elif kind is not Kind.BLANK and end >= 0:
                runs.append((start, end))
                end = -1
        if end >= 0:
            runs.append((start, end))
        return [run for run in reversed(runs) if Kind.QUOTED in self.kinds[run[0] : run[1]]]

    def _is_worth_reading(self, at: int) -> bool:
        return self.kinds[at] in {Kind.OWN, Kind.FORWARDED} and not self.lines[at].is_rule

    def _is_mere_picture(self, at: int) -> bool:
        """A picture without text: a logo or a counter below the quotation, which is no answer to it."""
        line = self.lines[at]
        return not line.text and (line.has_picture or line.is_rule)
