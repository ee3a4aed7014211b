"""Search by terms instead of trigrams: words, stems, attachments, headers (ux section 7).

All documents are written anew by the workers that index: newest first, in slices. Until then search reads the rows of the Emails
themselves, as after a first listing.
"""

from django.db import migrations, models

import webmail.store.models.search

_OLD_SQLITE = [
    "DROP TRIGGER store_search_insert",
    "DROP TRIGGER store_search_delete",
    "DROP TRIGGER store_search_update",
    "DROP TABLE store_search",
]
_OLD_POSTGRESQL = [
    "DROP INDEX IF EXISTS store_search_people",
    "DROP INDEX IF EXISTS store_search_subject",
    "DROP INDEX IF EXISTS store_search_body",
]
# Only what stands in a term is a letter to this tokenizer; the terms come apart at blanks and nowhere else. Beginnings of two to
# four characters have an index of their own: a mark in front of a word counts as one.
_SQLITE = [
    """CREATE VIRTUAL TABLE store_search USING fts5(
        terms, content='store_searchdocument', content_rowid='email_id', detail='none', columnsize=0, prefix='2 3 4',
        tokenize="ascii tokenchars '@.+=-_'"
    )""",
    """CREATE TRIGGER store_search_insert AFTER INSERT ON store_searchdocument BEGIN
        INSERT INTO store_search(rowid, terms) VALUES (new.email_id, new.terms);
    END""",
    """CREATE TRIGGER store_search_delete AFTER DELETE ON store_searchdocument BEGIN
        INSERT INTO store_search(store_search, rowid, terms) VALUES ('delete', old.email_id, old.terms);
    END""",
    """CREATE TRIGGER store_search_update AFTER UPDATE OF terms ON store_searchdocument BEGIN
        INSERT INTO store_search(store_search, rowid, terms) VALUES ('delete', old.email_id, old.terms);
        INSERT INTO store_search(rowid, terms) VALUES (new.email_id, new.terms);
    END""",
]
_POSTGRESQL = ["CREATE INDEX store_search_terms ON store_searchdocument USING gin (terms)"]
_WAIT = [
    "DELETE FROM store_searchdocument",
    "UPDATE store_email SET has_document = FALSE WHERE has_document",
    "UPDATE store_email SET is_indexed = FALSE "
    "WHERE is_indexed AND body_error = '' AND (blob_id IS NOT NULL OR text_blob_id IS NOT NULL)",
]


def _run(schema_editor, sqlite, postgresql):
    for statement in sqlite if schema_editor.connection.vendor == "sqlite" else postgresql:
        schema_editor.execute(statement)


def take_down(apps, schema_editor):
    _run(schema_editor, _OLD_SQLITE + _WAIT, _OLD_POSTGRESQL + _WAIT)


def put_up(apps, schema_editor):
    _run(schema_editor, _SQLITE, _POSTGRESQL)


class Migration(migrations.Migration):
    dependencies = [("store", "0007_list_depth")]
    operations = [
        migrations.RunPython(take_down, migrations.RunPython.noop),
        migrations.AddField("searchdocument", "files", models.TextField(blank=True, default="")),
        migrations.AddField(
            "searchdocument", "terms", webmail.store.models.search.TermsField(blank=True, default="")
        ),
        migrations.AddField("searchdocument", "beginning", models.TextField(blank=True, default="")),
        migrations.RunPython(put_up, migrations.RunPython.noop),
    ]
