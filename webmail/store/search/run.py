"""From the tree of a query to Emails, the same hits on SQLite and PostgreSQL.

Everything about words and people that stands together is asked of the full-text index at once; each other condition is one filter
on the rows. Emails of a first listing whose document is not written yet are read themselves, newest first, so that they are found too.
Mail in Junk and Trash alone is found only where `in:` names a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import MailAccount, User
from webmail.store.models import Email, EmailMailbox, Mailbox
from webmail.store.search import fulltext, index, words
from webmail.store.search.around import emails_around
from webmail.store.search.filters import FILTERS, NOBODY, Asker, has_label
from webmail.store.search.fulltext import Expression, all_of, any_of
from webmail.store.search.operators import PEOPLE, TEXTS
from webmail.store.search.tree import And, Around, Form, Node, Not, Or, Term, wanted_terms
from webmail.store.search.words import Asked, InText

MAX_WAITING = 5_000  # Emails without a document that one search reads: a third of a second
_TERMS = 5  # of a Document


def search_emails(
    user: User,
    query: Node | None,
    *,
    within: Sequence[Mailbox] | None = None,
    accounts: Sequence[MailAccount] | None = None,
    zone: tzinfo = UTC,
    now: datetime | None = None,
    only: MailAccount | None = None,
) -> QuerySet[Email]:
    """The user's Emails that are hits, each once, in no order: in the given mailboxes or accounts, else everywhere but in Trash
    and Junk unless `in:` says so. An empty query (None) finds all of them. `only`: of all that, what lies in this one of the accounts;
    what words such as `me` mean stays the same.

    Raises `QueryFault` when a value names nothing there is.
    """
    own = list(MailAccount.objects.filter(user=user)) if accounts is None else list(accounts)
    asker = Asker(user, (now or datetime.now(UTC)).astimezone(zone), zone, own)
    ids = [account.pk for account in own] if only is None else [only.pk]
    emails = _of_accounts(ids)
    if query is not None:
        emails = emails.filter(_Search(asker, ids).condition(query))
    if within is not None:
        rows = EmailMailbox.objects.filter(email_id=OuterRef("pk"), mailbox_id__in=[one.pk for one in within])
        return emails.filter(Exists(rows))
    if any(term.operator == "in" for term in wanted_terms(query)):
        return emails.filter(Exists(EmailMailbox.objects.filter(email_id=OuterRef("pk"))))
    return emails.filter(is_visible=True)


def _of_accounts(ids: Sequence[int]) -> QuerySet[Email]:
    # One account by equality: the database then walks its mail by date.
    return Email.objects.filter(account_id=ids[0]) if len(ids) == 1 else Email.objects.filter(account_id__in=ids)


@dataclass(frozen=True)
class _Reduced:
    """Part of a query that the index answers, with what the text must show besides."""

    expression: Expression
    checks: tuple[InText, ...] = ()


@dataclass
class _Search:
    """One run of a query."""

    asker: Asker
    account_ids: Sequence[int]  # where it looks

    def condition(self, node: Node) -> Q:
        """Which rows are hits."""
        reduced = self._reduced(node)
        if reduced is not None:
            return self._found(reduced)
        if isinstance(node, Not):
            return ~self.condition(node.part)
        if isinstance(node, Around):
            return self._around(node)
        if isinstance(node, And):
            return self._all(node)
        if isinstance(node, Or):
            return self._any(node)
        return self._filter(node)

    def _all(self, node: And) -> Q:
        reduced = [self._reduced(part) for part in node.parts]
        found = Q()
        together = [one for one in reduced if one is not None]
        if together:
            found &= self._found(_conjunction(together))
        for part, one in zip(node.parts, reduced, strict=True):
            if one is None:
                found &= self.condition(part)
        return found

    def _any(self, node: Or) -> Q:
        reduced = [self._reduced(part) for part in node.parts]
        plain = [one.expression for one in reduced if one is not None and not one.checks]
        found = self._found(_Reduced(any_of(plain))) if plain else NOBODY
        for part, one in zip(node.parts, reduced, strict=True):
            if one is None or one.checks:
                found |= self.condition(part)
        return found

    def _reduced(self, node: Node) -> _Reduced | None:
        """What the index alone can answer; None for everything else."""
        if isinstance(node, Term):
            asked = self._asked(node)
            return None if asked is None else _Reduced(asked.expression, (asked.check,) if asked.check else ())
        if isinstance(node, And | Or):
            parts = [one for part in node.parts if (one := self._reduced(part)) is not None]
            if len(parts) < len(node.parts):
                return None
            if isinstance(node, And):
                return _conjunction(parts)
            if not any(one.checks for one in parts):
                return _Reduced(any_of(one.expression for one in parts))
        return None

    def _asked(self, term: Term) -> Asked | None:
        if term.operator in TEXTS:
            return words.text(term)
        expression = self._expression(term)
        return None if expression is None else Asked(expression)

    def _expression(self, term: Term) -> Expression | None:
        name, value = term.operator, term.value
        if name in PEOPLE:
            return self._person(term)
        if name == "has" and value.lower() not in {"attachment", "label"}:
            return words.kind_of_file(value.lower())
        if name == "filename":
            return words.file_name(value, term.form)
        if name == "list":
            return words.mailing_list(value)
        return words.header(value) if name == "header" else None

    def _person(self, term: Term) -> Expression | None:
        if term.value.lower() != "me":
            return words.person(term.operator, term.value, term.form)
        found = (words.person(term.operator, one, Form.EXACT) for one in self.asker.own_addresses)
        return any_of(one for one in found if one is not None)

    def _filter(self, term: Term) -> Q:
        if term.operator == "mentions":
            return self._mentions()
        if term.operator == "has":
            return has_label(self.asker) if term.value.lower() == "label" else Q(has_attachment=True)
        # What is left of people, files and lists holds nothing to look for.
        made = FILTERS.get(term.operator)
        return NOBODY if made is None else made(term, self.asker)

    def _mentions(self) -> Q:
        values = [*self.asker.own_names, *self.asker.own_addresses]
        return self.condition(Or(tuple(Term("body", value, form=Form.PHRASE) for value in values)))

    # The index ------------------------------------------------------------------------------------------------------------

    @cached_property
    def _waiting(self) -> list[tuple[index.Document, fulltext.Terms]]:
        """Documents of Emails that have none in the database yet."""
        rows = Email.objects.filter(account_id__in=self.account_ids, has_document=False).order_by("-id")
        found = rows.values_list("id", "account_id", "subject", "addresses", "list_id")[:MAX_WAITING]
        documents = [index.make_document(index.known_of(row)) for row in found]
        return [(document, fulltext.Terms(str(document[_TERMS]))) for document in documents]

    def _found(self, reduced: _Reduced) -> Q:
        if not self.account_ids:
            return NOBODY
        own = fulltext.of_accounts(reduced.expression, self.account_ids)
        found = fulltext.condition(own)
        for check in reduced.checks:
            found &= check.condition()
        waiting = [
            document[0]
            for document, terms in self._waiting
            if terms.match(reduced.expression) and all(check.holds(document) for check in reduced.checks)
        ]
        return found | fulltext.with_ids(waiting) if waiting else found

    def _around(self, node: Around) -> Q:
        if not self.account_ids:
            return NOBODY
        asked = [words.text(term) for term in (node.left, node.right)]
        expression = all_of(one.expression for one in asked)
        waiting = [document for document, terms in self._waiting if terms.match(expression)]
        own = fulltext.of_accounts(expression, self.account_ids)
        return fulltext.with_ids(emails_around(node, own, waiting))


def _conjunction(parts: Iterable[_Reduced]) -> _Reduced:
    found = list(parts)
    checks = tuple(dict.fromkeys(check for one in found for check in one.checks))
    return _Reduced(all_of(one.expression for one in found), checks)
